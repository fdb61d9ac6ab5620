"""The HTTP server of one launched program: on a free port, with a token of its own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import msgspec

from ingle.cli.launch.launch_program import ModelAccess
from ingle.cli.launch.model_choice import ModelChoice
from ingle.client.home import AsyncHome
from ingle.errors import InvalidRequest
from ingle.node.node import Node
from ingle.operations import Event, Generation, Operation
from ingle.operations.encoded import Passed
from ingle.operations.message import Message
from ingle.protocol.piece_stream import PieceStream
from ingle.server.listen_address import Address
from ingle.server.server import serve
from ingle.server.settings import ServerSettings


class ContextNode:
    """A node whose answers get the context that was chosen, where a request names none.

    Programs cannot name one in the dialects that they speak. And a model that was unloaded
    meanwhile must come back with the context that it had.
    """

    def __init__(self, node: Node, context: int) -> None:
        self._node = node
        self._context = context

    def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        return self._node.perform(self._with_context(operation), feed)

    def relay(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
        return self._node.relay(self._with_context(operation), feed)

    async def aclose(self) -> None:
        """Nothing: the node belongs to whoever opened it."""

    def _with_context(self, operation: Operation) -> Operation:
        if isinstance(operation, Generation) and operation.context is None:
            return msgspec.structs.replace(operation, context=self._context)
        return operation


async def loaded(home: AsyncHome, choice: ModelChoice) -> ModelChoice:
    """Have the model in memory, with its context; returns the choice with what it got.

    Raises:
        DoesNotFit, ModelLoadFailed, PeerUnreachable, GrantRefused
    """
    if choice.plain:
        await home.load(choice.model, context=choice.context)
        return choice
    try:
        await _one_token(home, choice)
    except InvalidRequest as error:
        trained = error.details.get("trained")
        if not isinstance(trained, int):
            raise
        choice = choice._replace(context=trained)
        await _one_token(home, choice)
    return choice


async def _one_token(home: AsyncHome, choice: ModelChoice) -> None:
    """Have a model loaded by using it: another machine's, or one with adapters."""
    from ingle.capabilities.chat.operation import Chat

    asked = Chat(
        model=choice.model,
        messages=[Message(role="user", content="Hi")],
        max_tokens=1,
        context=choice.context,
    )
    async for _ in home.events(asked):
        pass


@asynccontextmanager
async def serving(home: AsyncHome, choice: ModelChoice) -> AsyncIterator[ModelAccess]:
    """A server for as long as the block is entered."""
    token = secrets.token_urlsafe(24)
    # Without a state directory: what the program has the server store ends with it.
    rules = ServerSettings(token=token, default_model=choice.model)
    address: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
    stop = anyio.Event()
    server = asyncio.create_task(
        serve(
            ContextNode(home.node, choice.context),
            port=0,
            settings=rules,
            grace_s=0.5,
            on_ready=address.set_result,
            stop=stop,
            handle_signals=False,
        )
    )
    try:
        server.add_done_callback(lambda _: address.cancel())  # it could not start
        try:
            found = await address
        except asyncio.CancelledError:
            if server.done():
                await server
            raise
        yield ModelAccess(found.url, token, choice.model, choice.context)
    finally:
        stop.set()
        await server
