"""``POST /api/generate`` (docs/api.md, "Generate a completion")."""

from __future__ import annotations

from typing import Any, NamedTuple

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.node.operation import Load, Unload
from ingle.errors import InvalidRequest
from ingle.operations import Message
from ingle.wire.body import Body, decode, renamed
from ingle.wire.ollama.ollama_chat import content, presence
from ingle.wire.ollama.ollama_options import NAMES, Options, generation, thinking


class GenerateBody(Body, kw_only=True):
    """The fields of the route; ``on`` is ours."""

    model: str
    prompt: str | None = None
    suffix: str | None = None
    images: list[str] | None = None
    format: str | dict[str, Any] | None = None
    options: Options | None = None
    system: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None
    stream: bool | None = None
    keep_alive: float | str | None = None
    think: bool | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    on: str | None = None


class GenerateRequest(NamedTuple):
    """What the client asked. No prompt: load the model, or unload it (``keep_alive`` 0)."""

    operation: Chat | Complete | Load | Unload
    stream: bool


def parse(body: bytes) -> GenerateRequest:
    """Read the body.

    ``raw`` or a ``suffix`` go to the model as they are; anything else is one
    turn of a chat, through the model's own template.

    Raises:
        InvalidRequest: a bad field, or one that would be lost in silence:
            ``template`` (the model's is used) and ``context`` (send messages).
    """
    asked = decode(body, GenerateBody)
    if asked.template:
        raise InvalidRequest(
            "template: a request cannot replace the model's template; use raw", field="template"
        )
    if asked.context:
        raise InvalidRequest(
            "context: is not supported; send earlier turns to /api/chat",
            field="context",
        )
    stream = asked.stream is not False
    with renamed(NAMES):
        if not asked.prompt and not asked.images and not asked.suffix:
            wanted = asked.options.num_ctx if asked.options else None
            return GenerateRequest(presence(asked.model, asked.keep_alive, wanted), stream)
        fields = generation(
            asked.options,
            keep_alive=asked.keep_alive,
            form=asked.format,
            logprobs=asked.logprobs,
            top_logprobs=asked.top_logprobs,
        )
        fields |= {"model": asked.model, "on": asked.on or ""}
        if asked.raw or asked.suffix:
            return GenerateRequest(_complete(asked, fields), stream)
        think, budget = thinking(asked.think)
        turns = [Message(role="system", content=asked.system)] if asked.system else []
        turns.append(
            Message(role="user", content=content(asked.prompt or "", asked.images, "images"))
        )
        operation = Chat(messages=turns, think=think, think_budget=budget, **fields)
    return GenerateRequest(operation, stream)


def _complete(asked: GenerateBody, fields: dict[str, Any]) -> Complete:
    if asked.images:
        raise InvalidRequest("images: not supported with a raw prompt", field="images")
    if asked.system:
        raise InvalidRequest("system: not supported with a raw prompt", field="system")
    return Complete(prompt=asked.prompt or "", suffix=asked.suffix or "", **fields)
