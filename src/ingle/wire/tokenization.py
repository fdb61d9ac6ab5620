"""``/tokenize`` and ``/detokenize``: the fields of llama.cpp's server and of vLLM's."""

from __future__ import annotations

from typing import Any

from ingle.capabilities.tokenize.operation import Detokenize, Detokenized, Tokenize, Tokenized
from ingle.wire.body import Body, decode, renamed
from ingle.wire.openai.chat_tools import ToolBody, offered
from ingle.wire.openai.messages import MessageBody, messages
from ingle.wire.sse import encode


class TokenizeBody(Body, kw_only=True):
    """Text as ``content`` (llama.cpp), ``prompt`` (vLLM) or ``text``; or a conversation."""

    model: str
    content: str | None = None
    prompt: str | None = None
    text: str | None = None
    messages: list[MessageBody] | None = None
    tools: list[ToolBody] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    add_generation_prompt: bool | None = None
    add_special: bool | None = None
    add_special_tokens: bool | None = None
    parse_special: bool | None = None
    on: str | None = None


class DetokenizeBody(Body, kw_only=True):
    """Token ids of one model."""

    model: str
    tokens: list[int]
    on: str | None = None


def parse_tokenize(body: bytes) -> Tokenize:
    """Read the body.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(body, TokenizeBody)
    special = asked.add_special if asked.add_special_tokens is None else asked.add_special_tokens
    options = dict(asked.chat_template_kwargs or {})
    think: bool | None = None
    if isinstance(options.get("enable_thinking"), bool):
        think = options.pop("enable_thinking")
    with renamed({"text": "content", "template_options": "chat_template_kwargs"}):
        return Tokenize(
            model=asked.model,
            text=asked.content or asked.prompt or asked.text or "",
            messages=messages(asked.messages or []),
            tools=offered(asked.tools).tools,
            think=think,
            template_options=options,
            add_generation_prompt=asked.add_generation_prompt is not False,
            add_special=bool(special),
            parse_special=asked.parse_special is not False,
            on=asked.on or "",
        )


def parse_detokenize(body: bytes) -> Detokenize:
    """Read the body.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(body, DetokenizeBody)
    return Detokenize(model=asked.model, tokens=asked.tokens, on=asked.on or "")


def tokenized(event: Tokenized) -> bytes:
    """``tokens`` and ``count``, and the text as the template rendered it."""
    return encode({"tokens": event.tokens, "count": len(event.tokens), "text": event.text})


def detokenized(event: Detokenized) -> bytes:
    """The text under both names that clients look for."""
    return encode({"content": event.text, "prompt": event.text})
