"""The blocking face: `Home` and `Conversation` mirror `AsyncHome` and `AsyncChat`.

Written async once: an event loop runs in a thread of its own, and every method
here is generated from its async twin. A test holds both faces to each other.
"""

from __future__ import annotations

import functools
import inspect
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from ingle.capabilities.chat.conversation import AsyncChat
from ingle.client.connect import Otherwise
from ingle.client.home import AsyncHome, open_async
from ingle.client.methods import Methods
from ingle.config import Settings
from ingle.errors import Cancelled

T = TypeVar("T")

AHEAD = 256
"""Items that a stream may be ahead of the thread that reads it."""
CLOSE_S = 5.0
"""How long leaving a stream waits for its end (the loop's own thread could never see it)."""


class _Blocking:
    """Wraps an async object: coroutines block, async iterators become iterators."""

    def __init__(self, twin: Any, portal: BlockingPortal) -> None:
        self._twin = twin
        self._portal = portal


def _blocking(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(method):

        @functools.wraps(method)
        def iterate(self: _Blocking, *args: Any, **kwargs: Any) -> Iterator[Any]:
            return _iterate(self._portal, getattr(self._twin, name)(*args, **kwargs))

        return iterate

    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        def call(self: _Blocking, *args: Any, **kwargs: Any) -> Any:
            work = functools.partial(getattr(self._twin, name), *args, **kwargs)
            task = self._portal.start_task_soon(work)
            try:
                return task.result()
            finally:
                task.cancel()  # nothing, unless the wait was interrupted: then it stops the work

        return call

    @functools.wraps(method)
    def make(self: _Blocking, *args: Any, **kwargs: Any) -> Any:
        made = getattr(self._twin, name)(*args, **kwargs)
        if isinstance(made, AsyncChat):
            return Conversation(made, self._portal)
        return BlockingMethods(made, self._portal) if isinstance(made, Methods) else made

    return make


def _iterate(portal: BlockingPortal, source: AsyncGenerator[T, None]) -> Iterator[T]:
    """Items of an async iterator; leaving early, also by Ctrl-C, closes it and so stops the work.

    The iterator runs as one task of the loop; items cross to this thread in a
    queue, which bounds how far it may run ahead.
    """
    items: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
    closed = threading.Event()

    async def pump() -> None:
        try:
            async with aclosing(source):
                async for item in source:
                    items.put((True, item))
                    while items.qsize() > AHEAD:  # noqa: ASYNC110 (the reader is a thread)
                        await anyio.sleep(0.002)
            items.put((False, None))
        except Exception as error:  # carried over to the thread that waits for it
            items.put((False, error))
        finally:
            items.put((False, Cancelled("the node was closed")))  # if nothing else ended it
            closed.set()

    task = portal.start_task_soon(pump)
    try:
        while True:
            more, value = items.get()
            if more:
                yield value
            elif value is None:
                return
            else:
                raise value
    finally:
        task.cancel()
        closed.wait(CLOSE_S)


def _bound(method: Any, portal: BlockingPortal) -> Any:
    """A method of an async object for a caller that blocks."""
    if not inspect.ismethod(method):
        return method
    blocking = _blocking(method.__name__, method.__func__)
    return functools.partial(blocking, _Blocking(method.__self__, portal))


class BlockingMethods(_Blocking):
    """The methods of a capability, blocking. See `ingle.client.methods.Methods`."""

    def __getattr__(self, name: str) -> Any:
        return _bound(getattr(self._twin, name), self._portal)


def _mirror(cls: type[Any]) -> Callable[[type[T]], type[T]]:
    """Give a class a blocking method for each public method of its async twin."""

    def decorate(target: type[T]) -> type[T]:
        for name, method in inspect.getmembers(cls, inspect.isfunction):
            if not name.startswith("_") and name not in vars(target):
                setattr(target, name, _blocking(name, method))
        return target

    return decorate


@_mirror(AsyncChat)
class Conversation(_Blocking):
    """A conversation with one model, blocking. See `AsyncChat`."""

    @property
    def messages(self) -> Any:
        """What was said so far."""
        return self._twin.messages

    @property
    def model(self) -> str:
        """The model that answers."""
        return str(self._twin.model)

    def __getattr__(self, name: str) -> Any:  # for type checkers: methods are generated
        raise AttributeError(name)


@_mirror(AsyncHome)
class Home(_Blocking):
    """This machine's node, blocking. See `AsyncHome`."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        settings: Settings = self._twin.settings
        return settings

    def __getattr__(self, name: str) -> Any:
        """A plug-in's method; those of the package are generated."""
        if name.startswith("_"):
            raise AttributeError(name)
        return _bound(getattr(self._twin, name), self._portal)


@contextmanager
def open_home(
    settings: Settings | None = None, *, otherwise: Otherwise = "host", **flags: Any
) -> Iterator[Home]:
    """Reach the node that runs on this machine, or host one in this process. See `open_async`."""
    with start_blocking_portal() as portal:
        opened = open_async(settings, otherwise=otherwise, **flags)
        with portal.wrap_async_context_manager(opened) as home:
            yield Home(home, portal)
