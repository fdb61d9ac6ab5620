"""All probes of an intruder, from a real worker of a node.

``python -m tests.engines.cage LEVEL [SEED]``. With a seed each probe is made twice, in an order by
chance, while the worker of a model is loaded and asked between them; what was reached once counts.
With ``nvidia`` in its place it is as beside a card of that kind.
Prints what each probe met with, as JSON. It is a program since the same is run as another user,
who has none of root's files.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import random
import socket
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

PROBES = Path(__file__).parents[1] / "plugins" / "probes"
LOAD_EVERY = 20
"""Probes between which a model is loaded."""
sys.path.insert(0, str(PROBES))

import intruder  # noqa: E402 (from the folder above)

from ingle.capabilities.chat.operation import Chat  # noqa: E402
from ingle.client.host import host  # noqa: E402
from ingle.config import Settings  # noqa: E402
from ingle.engines import sandbox  # noqa: E402
from ingle.engines.engine import LoadSpec  # noqa: E402
from ingle.engines.inbox import Inbox  # noqa: E402
from ingle.engines.process import WorkerProcess  # noqa: E402
from ingle.errors import IngleError  # noqa: E402
from ingle.models.embedded import embedded_files  # noqa: E402
from ingle.operations import Fold, Message  # noqa: E402


def chat(probe: str, prey: dict[str, Any]) -> Chat:
    text = json.dumps({"probe": probe, "prey": prey})
    return Chat(model="taken", messages=[Message(role="user", content=text)])


async def answer(worker: WorkerProcess, asked: Chat) -> str:
    fold = Fold()
    async with worker.perform(asked) as events:
        async for event in events:
            fold.add(event)
    return fold.result().text


@contextmanager
def listening(family: int, kind: int, address: Any) -> Iterator[Any]:
    """A program of the user's that tells its secret to whoever asks. Gives its address."""
    with socket.socket(family, kind) as sock:
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen()
        threading.Thread(target=_tell, args=(sock, kind), daemon=True).start()
        bound = sock.getsockname()
        yield bound.decode() if isinstance(bound, bytes) else bound


def _tell(sock: socket.socket, kind: int) -> None:
    secret = intruder.SECRET.encode()
    try:
        while True:
            if kind == socket.SOCK_STREAM:
                with sock.accept()[0] as caller:
                    caller.sendall(secret)
            else:
                _, caller = sock.recvfrom(16)
                if caller:
                    sock.sendto(secret, caller)
    except OSError:
        return  # it was closed


@asynccontextmanager
async def prey_of_a_node(folder: Path) -> AsyncIterator[dict[str, Any]]:
    """A node, a user's files and programs, and the worker of another model."""
    state, home, beside = folder / "state", folder / "home", folder / "beside"
    for made in (home / ".ssh", beside, folder / "models"):
        made.mkdir(parents=True)
    secrets = [home / ".ssh" / "id", state / "inboxes" / "other" / "blob"]
    settings = Settings(state_dir=str(state), models_dir=str(folder / "models"))
    in_memory = ctypes.create_string_buffer(intruder.SECRET.encode())
    stream, unix, inet = socket.SOCK_STREAM, socket.AF_UNIX, socket.AF_INET
    async with host(settings) as (_, server):
        key = state / "identity.key"
        secrets.append(key)
        for secret in secrets:
            secret.parent.mkdir(parents=True, exist_ok=True)
            secret.write_text(intruder.SECRET)
            secret.chmod(0o600)
        with ExitStack() as stack:
            yield {
                "pid": os.getpid(),
                "name": "cage",
                "address": ctypes.addressof(in_memory),
                "key": str(key),
                "home": str(secrets[0]),
                "inbox": str(secrets[1]),
                "node_socket": str(server.path),
                "tcp": stack.enter_context(listening(inet, stream, ("127.0.0.1", 0))),
                "datagram": stack.enter_context(
                    listening(inet, socket.SOCK_DGRAM, ("127.0.0.1", 0))
                ),
                "abstract_socket": stack.enter_context(
                    listening(unix, stream, f"\0ingle-cage-{os.getpid()}")
                ),
                "unix_socket": stack.enter_context(listening(unix, stream, str(beside / "s"))),
                "unix_datagram": stack.enter_context(
                    listening(unix, socket.SOCK_DGRAM, str(beside / "d"))
                ),
                "store": str(folder / "models" / "blobs" / "written"),
                "state": str(state / "written"),
                "outside": str(beside / "written"),
                "folder": str(beside),
            }


def order(seed: str) -> list[str]:
    """The probes to make, one after the other."""
    names = list(intruder.ALL)
    if seed:
        names += names
        random.Random(seed).shuffle(names)
    return names


async def ask_a_model() -> None:
    """The worker of an embedded model is loaded, answers, and ends."""
    weights = str(embedded_files()["ember"].resolve())
    spec = LoadSpec(
        engine="llama", model="ember", files={"weights": [weights]}, options={"context": 256}
    )
    worker = await WorkerProcess.start(spec)
    message = Message(role="user", content="Hi")
    await answer(worker, Chat(model="ember", messages=[message], max_tokens=3))
    await worker.stop()


async def probed(folder: Path, seed: str = "") -> dict[str, str]:
    """What each probe met with."""
    async with prey_of_a_node(folder) as prey:
        inbox = Inbox(folder / "state" / "inboxes" / "own")
        worker = await WorkerProcess.start(LoadSpec(engine="probes", model="taken"), inbox=inbox)
        met: dict[str, str] = {}
        for number, name in enumerate(order(seed)):
            if seed and number % LOAD_EVERY == 0:
                await ask_a_model()
            if met.get(name) == intruder.REACHED:
                continue
            met[name] = await answer(worker, chat(name, prey))
            written = Path(str(prey.get(name, "")))
            if met[name] == intruder.REACHED and written.name == "written" and not written.exists():
                met[name] = "it wrote where no one else looks"
        try:
            async with asyncio.timeout(60):
                met["fork_for_ever"] = await answer(worker, chat("fork_for_ever", prey))
        except IngleError as error:
            met["fork_for_ever"] = error.message
        await worker.kill()
        return met


def main() -> None:
    level = sys.argv[1]
    seed = "".join(sys.argv[2:])
    if seed == "nvidia":
        seed = ""
        sandbox.gpu_nodes = lambda: ["/dev/nvidiactl"]
    sandbox.level = lambda: level  # type: ignore[assignment]
    os.environ["INGLE_TOKEN"] = intruder.SECRET
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = str(Path(folder) / "home")
        print(json.dumps(asyncio.run(probed(Path(folder).resolve(), seed))))


if __name__ == "__main__":
    main()
