"""The response object (API reference, "The response object")."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import msgspec

from ingle.errors import IngleError
from ingle.operations import ChatResult, Choice, Message, TokenLogprob, Usage
from ingle.wire.notes import texts
from ingle.wire.openai.file_search import FileSearch
from ingle.wire.openai.opaque_content import packed
from ingle.wire.openai.response_calls import Forms, Item, form_of
from ingle.wire.openai.responses import ResponsesRequest
from ingle.wire.openai.usage import finite, place_object

Response = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnswerStyle:
    """How the client wants the items of an answer."""

    forms: Forms
    sealed_reasoning: bool = False
    search: FileSearch | None = None
    """What was searched before; its item is the first of the answer."""

    @classmethod
    def of(cls, request: ResponsesRequest, search: FileSearch | None = None) -> AnswerStyle:
        """As a request asks."""
        return cls(
            forms=request.offer.forms, sealed_reasoning=request.sealed_reasoning, search=search
        )

    def annotations(self, text: str) -> list[Item]:
        """The citations in a text."""
        return self.search.annotations(text) if self.search else []


def frame(request: ResponsesRequest, *, identifier: str, created: int) -> Response:
    """The object before anything was answered: what was asked, ``in_progress``."""
    asked = request.asked
    wanted = asked.text.format if asked.text else None
    reasoning = asked.reasoning
    conversation = request.conversation
    found = {
        "id": identifier,
        "object": "response",
        "created_at": created,
        "status": "queued" if request.background else "in_progress",
        "background": request.background,
        "conversation": {"id": conversation} if conversation else None,
        "error": None,
        "incomplete_details": None,
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_output_tokens,
        "metadata": asked.metadata or {},
        "model": request.model,
        "output": [],
        "parallel_tool_calls": asked.parallel_tool_calls is not False,
        "previous_response_id": asked.previous_response_id,
        "reasoning": {"effort": reasoning.effort if reasoning else None, "summary": None},
        "store": request.stored,
        "temperature": asked.temperature,
        "text": {"format": _format(msgspec.to_builtins(wanted))},
        "tool_choice": asked.tool_choice or "auto",
        "tools": [_tool(tool) for tool in asked.tools or []],
        "top_logprobs": asked.top_logprobs or 0,
        "top_p": asked.top_p,
        "truncation": "disabled",
        "usage": None,
    }
    return {**found, "ingle": {"notes": request.notes}} if request.notes else found


def completed(base: Response, result: ChatResult, items: Sequence[Item]) -> Response:
    """The object of a whole answer; cut by ``max_output_tokens`` it is ``incomplete``."""
    cut = is_cut(result)
    return {
        **base,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "model": result.model or base["model"],
        "output": list(items),
        "usage": usage_object(result.usage),
        "ingle": place_object(
            result.where,
            result.digest,
            result.timing,
            texts([*base.get("ingle", {}).get("notes", ()), *result.notes]),
        ),
    }


def failed(base: Response, error: IngleError) -> Response:
    """The object of an answer that broke off. The API's own codes are few; ours is beside it."""
    return {
        **base,
        "status": "failed",
        "error": {"code": "server_error", "message": error.message, "ingle_code": error.code},
    }


def is_cut(result: ChatResult) -> bool:
    """Whether the answer ended where its length did."""
    return bool(result.choices) and result.choices[0].finish == "length"


def output(result: ChatResult, identifier: str, style: AnswerStyle) -> list[Item]:
    """The answer as items: reasoning, message, calls, in this order."""
    choice = result.choices[0] if result.choices else Choice(finish="stop")
    found: list[Item] = []
    if style.search:
        found.append(style.search.item(item_id("fs", identifier, 0)))
    if choice.reasoning:
        identity = item_id("rs", identifier, len(found))
        found.append(reasoning_item(identity, choice.reasoning, sealed=style.sealed_reasoning))
    if choice.text or not choice.tool_calls:
        identity = item_id("msg", identifier, len(found))
        found.append(message_item(identity, choice.text, choice.logprobs))
        found[-1]["content"][0]["annotations"] = style.annotations(choice.text)
    for call in choice.tool_calls:
        form = form_of(style.forms, call.name)
        identity = item_id(form.prefix, identifier, len(found))
        call_id = call.id or f"call_{identity}"
        found.append(form.item(identity, call_id, call.arguments, "completed"))
    if is_cut(result):
        found[-1]["status"] = "incomplete"
    return found


def answer(choice: Choice, response: Response) -> Message:
    """What the assistant said, to continue from; calls carry the ids that the client was told."""
    ids = [item["call_id"] for item in response["output"] if "call_id" in item]
    return Message(
        role="assistant",
        content=choice.text,
        reasoning=choice.reasoning,
        tool_calls=[
            msgspec.structs.replace(call, id=identifier)
            for call, identifier in zip(choice.tool_calls, ids, strict=True)
        ],
    )


def item_id(prefix: str, identifier: str, index: int) -> str:
    """An item's id: unique within its response, and the same in stream and object."""
    return f"{prefix}_{identifier.rpartition('_')[2]}_{index}"


def reasoning_item(
    identity: str, text: str, status: str = "completed", *, sealed: bool = False
) -> Item:
    """An item of reasoning."""
    content = [{"type": "reasoning_text", "text": text}] if text else []
    found = {
        "id": identity,
        "type": "reasoning",
        "status": status,
        "summary": [],
        "content": content,
    }
    return {**found, "encrypted_content": packed(text)} if sealed else found


def message_item(
    identity: str, text: str, logprobs: list[TokenLogprob], status: str = "completed"
) -> dict[str, Any]:
    """An item of text."""
    return {
        "id": identity,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [text_part(text, logprobs)] if status == "completed" else [],
    }


def text_part(text: str, logprobs: list[TokenLogprob]) -> dict[str, Any]:
    """The content part of a message."""
    return {
        "type": "output_text",
        "text": text,
        "annotations": [],
        "logprobs": [logprob_object(token) for token in logprobs],
    }


def logprob_object(token: TokenLogprob) -> dict[str, Any]:
    """One token's probability with its rivals."""
    pair = _pair(token)
    return {**pair, "top_logprobs": [_pair(rival) for rival in token.top]}


def usage_object(usage: Usage) -> dict[str, Any]:
    """``usage`` of a response."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }


def _pair(token: TokenLogprob) -> dict[str, Any]:
    data = token.data or token.token.encode()
    return {"token": token.token, "logprob": finite(token.logprob), "bytes": list(data)}


def _format(wanted: dict[str, Any] | None) -> dict[str, Any]:
    if wanted is None or wanted["type"] != "json_schema":
        return {"type": wanted["type"] if wanted else "text"}
    return {**wanted, "name": wanted["name"] or "answer", "schema": wanted["schema"] or {}}


def _tool(given: Item) -> Item:
    if given.get("type", "function") != "function":
        return given
    return {"description": None, "parameters": None, "strict": None, "type": "function", **given}
