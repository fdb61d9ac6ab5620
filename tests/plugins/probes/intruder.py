"""An engine that was taken over: it tries to reach what its worker must not.

It is asked for one probe at a time, by a chat whose text is JSON: the probe's name, and where its
prey is. It answers ``reached``, or what stopped it. A probe counts what it got, not what a call
returned: bytes of a secret, an answer of another process.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from ingle.capabilities.chat.operation import Chat
from ingle.engines.declaration import EngineDeclaration
from ingle.engines.engine import Emit, Feed, LoadSpec, Session
from ingle.errors import CapabilityMissing
from ingle.operations import DeviceInfo, Finish, Operation, Text, Timing, Usage

PROBES = EngineDeclaration(
    name="probes",
    loader="intruder:Intruder",
    formats=("gguf",),
    capabilities=("chat",),
)

SECRET = "the secret"
REACHED = "reached"
SOON = 0.5
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PTRACE_SEIZE = 0x4206
IO_URING_SETUP, KEYCTL = 425, {"x86_64": 250, "aarch64": 219}[os.uname().machine]
AF_VSOCK = 40

_libc = ctypes.CDLL(None, use_errno=True)
Prey = dict[str, Any]


def _called(result: int) -> int:
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _holds_secret(data: bytes) -> bool:
    return SECRET.encode() in data


def _read(name: str) -> Callable[[Prey], bool]:
    return lambda prey: _holds_secret(Path(prey[name]).read_bytes())


def _write(name: str) -> Callable[[Prey], bool]:
    def probe(prey: Prey) -> bool:
        path = Path(prey[name])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("intruded")
        return True

    return probe


def environ(prey: Prey) -> bool:
    return _holds_secret(Path(f"/proc/{prey['pid']}/environ").read_bytes())


def memory(prey: Prey) -> bool:
    with open(f"/proc/{prey['pid']}/mem", "rb", buffering=0) as file:  # noqa: PTH123
        file.seek(prey["address"])
        return _holds_secret(file.read(64))


def trace(prey: Prey) -> bool:
    return _called(_libc.ptrace(PTRACE_SEIZE, prey["pid"], None, None)) == 0


def vm_read(prey: Prey) -> bool:
    data = ctypes.create_string_buffer(64)
    ours = struct.pack("PN", ctypes.addressof(data), 64)
    theirs = struct.pack("PN", prey["address"], 64)
    _called(_libc.process_vm_readv(prey["pid"], ours, 1, theirs, 1, 0))
    return _holds_secret(data.raw)


def node_socket(prey: Prey) -> bool:
    """As the owner's programs do: with the client, which finds the token by itself."""
    script = """
import asyncio, sys
from pathlib import Path
from ingle.capabilities.node.operation import NodeStatus, StatusReport
from ingle.node.node import ask
from ingle.node.socket import SocketNode
async def main():
    node = await SocketNode.connect(Path(sys.argv[1]))
    print("pid", (await ask(node, NodeStatus(), StatusReport)).pid)
asyncio.run(main())
"""
    command = [sys.executable, "-c", script, prey["node_socket"]]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        raise OSError(told.stderr.strip().splitlines()[-1])
    return told.stdout.startswith("pid")


def _connect(family: int, name: str) -> Callable[[Prey], bool]:
    def probe(prey: Prey) -> bool:
        address = prey[name]
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(SOON)
            sock.connect(tuple(address) if isinstance(address, list) else address)
            return _holds_secret(sock.recv(64))

    return probe


def datagram(prey: Prey) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(SOON)
        sock.sendto(b"?", tuple(prey["datagram"]))
        return _holds_secret(sock.recv(64))


def virtual_machine_socket(prey: Prey) -> bool:
    socket.socket(AF_VSOCK, socket.SOCK_STREAM).close()
    return True


def old_network(prey: Prey) -> bool:
    with open(f"/proc/{prey['pid']}/ns/net", "rb") as namespace:  # noqa: PTH123
        return _called(_libc.setns(namespace.fileno(), CLONE_NEWNET)) == 0


def new_user(prey: Prey) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0 if _libc.unshare(CLONE_NEWUSER) == 0 else 1)
    if os.waitpid(child, 0)[1]:
        raise PermissionError("unshare")
    return True


def mount(prey: Prey) -> bool:
    return _called(_libc.mount(b"tmpfs", prey["folder"].encode(), b"tmpfs", 0, None)) == 0


def kernel_setting(prey: Prey) -> bool:
    with open("/proc/sys/kernel/core_pattern", "r+b", buffering=0):  # noqa: PTH123
        return True


def machine_switch(prey: Prey) -> bool:
    with open("/proc/sysrq-trigger", "wb", buffering=0):  # noqa: PTH123
        return True


def linked_socket(prey: Prey) -> bool:
    """By a short name of our own for a socket of another program."""
    os.chdir(os.environ.get("TMPDIR", "/tmp"))
    Path("l").symlink_to(prey["unix_socket"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect("l")
        return _holds_secret(sock.recv(64))


def padded_socket(prey: Prey) -> bool:
    """With an address that is longer than its name: the kernel reads to the first zero."""
    address = struct.pack("=H", socket.AF_UNIX) + prey["unix_socket"].encode().ljust(108, b"\0")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        _called(_libc.connect(sock.fileno(), address, len(address)))
        return _holds_secret(sock.recv(64))


def unix_datagram(prey: Prey) -> bool:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        return one.sendto(b"?", prey["unix_datagram"]) == 1


def seen(prey: Prey) -> bool:
    return Path(prey["key"]).stat().st_size > 0


def command_line(prey: Prey) -> bool:
    return prey["name"] in Path(f"/proc/{prey['pid']}/cmdline").read_text()


def signal_node(prey: Prey) -> bool:
    os.kill(prey["pid"], 0)
    return prey["name"] in Path(f"/proc/{prey['pid']}/cmdline").read_text()


def limit_node(prey: Prey) -> bool:
    import resource

    resource.prlimit(prey["pid"], resource.RLIMIT_CORE)
    return prey["name"] in Path(f"/proc/{prey['pid']}/cmdline").read_text()


def open_up(prey: Prey) -> bool:
    Path(prey["key"]).chmod(0o644)
    return True


def ring(prey: Prey) -> bool:
    parameters = ctypes.create_string_buffer(120)
    os.close(_called(_libc.syscall(IO_URING_SETUP, 1, parameters)))
    return True


def keyring(prey: Prey) -> bool:
    return _called(_libc.syscall(KEYCTL, 0, -3, 0, 0, 0)) != 0  # the session's, by its number


ALL: dict[str, Callable[[Prey], bool]] = {
    "key": _read("key"),
    "home": _read("home"),
    "inbox": _read("inbox"),
    "seen": seen,
    "command_line": command_line,
    "environ": environ,
    "memory": memory,
    "trace": trace,
    "vm_read": vm_read,
    "node_socket": node_socket,
    "tcp": _connect(socket.AF_INET, "tcp"),
    "datagram": datagram,
    "abstract_socket": _connect(socket.AF_UNIX, "abstract_socket"),
    "unix_socket": _connect(socket.AF_UNIX, "unix_socket"),
    "linked_socket": linked_socket,
    "padded_socket": padded_socket,
    "unix_datagram": unix_datagram,
    "virtual_machine_socket": virtual_machine_socket,
    "store": _write("store"),
    "state": _write("state"),
    "outside": _write("outside"),
    "open_up": open_up,
    "old_network": old_network,
    "new_user": new_user,
    "mount": mount,
    "kernel_setting": kernel_setting,
    "machine_switch": machine_switch,
    "signal_node": signal_node,
    "limit_node": limit_node,
    "ring": ring,
    "keyring": keyring,
}


def fork_for_ever() -> None:
    """Each process starts another one and goes on, until no more are given."""
    while True:
        try:
            os.fork()
        except OSError:
            continue


class Intruder:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "probes"

    def version(self) -> str:
        return "1"

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> Session:
        return IntruderSession()


class IntruderSession:
    """See `ingle.engines.engine.Session`."""

    facts: ClassVar[dict[str, Any]] = {}

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        if not isinstance(operation, Chat):
            raise CapabilityMissing("probes only chats")
        wanted = json.loads(operation.messages[-1].text)
        if wanted["probe"] == "fork_for_ever":
            fork_for_ever()
        emit(Text(text=_tried(ALL[wanted["probe"]], wanted["prey"])))
        emit(Finish(reason="stop"))
        emit(Usage(prompt_tokens=1, completion_tokens=1))
        emit(Timing())

    def close(self) -> None:
        return


def _tried(probe: Callable[[Prey], bool], prey: Prey) -> str:
    try:
        return REACHED if probe(prey) else "nothing was there"
    except (OSError, ValueError) as error:
        return repr(error)
