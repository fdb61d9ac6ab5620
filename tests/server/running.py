"""A real server in a thread, before a scripted node."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio
import anyio.from_thread
import httpx

from ingle.server.listen_address import Address
from ingle.server.server import serve
from ingle.server.settings import ServerSettings

from .scripted_node import ScriptedNode


@dataclasses.dataclass
class Running:
    """A server that answers now."""

    node: ScriptedNode
    address: Address
    client: httpx.Client
    stop: Callable[[], None]

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return self.client.post(path, json=body, headers=headers)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers=headers)


@contextmanager
def running(
    settings: ServerSettings | None = None, *, host: str = "127.0.0.1", grace_s: float = 0.2
) -> Iterator[Running]:
    node = ScriptedNode()
    ready = threading.Event()
    failed: list[BaseException] = []
    addresses: list[Address] = []
    hold: list[tuple[anyio.Event, object]] = []

    async def main() -> None:
        stop = anyio.Event()
        hold.append((stop, anyio.lowlevel.current_token()))

        def told(address: Address) -> None:
            addresses.append(address)
            ready.set()

        await serve(
            node,
            host=host,
            port=0,
            settings=settings,
            stop=stop,
            on_ready=told,
            grace_s=grace_s,
        )

    def work() -> None:
        try:
            anyio.run(main)
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    if failed:
        thread.join()
        raise failed[0]

    def stop() -> None:
        event, token = hold[0]
        if thread.is_alive():
            anyio.from_thread.run_sync(event.set, token=token)
            thread.join(10)

    with httpx.Client(base_url=addresses[0].url, timeout=10) as client:
        try:
            yield Running(node, addresses[0], client, stop)
        finally:
            stop()
    if failed:
        raise failed[0]
