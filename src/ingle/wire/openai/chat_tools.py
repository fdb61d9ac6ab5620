"""Tools of the chat route (source: API reference, "Create chat completion")."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations import Tool
from ingle.wire.body import renamed
from ingle.wire.openai.custom_tool import GrammarBody, custom_tool, grammar_notes, left_out


class FunctionBody(msgspec.Struct, kw_only=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class CustomFormatBody(msgspec.Struct, kw_only=True):
    type: Literal["text", "grammar"] = "text"
    grammar: GrammarBody | None = None


class CustomBody(msgspec.Struct, kw_only=True):
    name: str
    description: str | None = None
    format: CustomFormatBody | None = None


class ToolBody(msgspec.Struct, kw_only=True):
    type: str = "function"
    function: FunctionBody | None = None
    custom: CustomBody | None = None


class NamedBody(msgspec.Struct, kw_only=True):
    name: str


class NamedTool(msgspec.Struct, tag="function", tag_field="type", kw_only=True):
    function: NamedBody


class NamedCustomTool(msgspec.Struct, tag="custom", tag_field="type", kw_only=True):
    custom: NamedBody


class AllowedSet(msgspec.Struct, kw_only=True):
    mode: Literal["auto", "required"] = "auto"
    tools: list[ToolBody] = []


class AllowedTools(msgspec.Struct, tag="allowed_tools", tag_field="type", kw_only=True):
    allowed_tools: AllowedSet


ToolChoice = str | NamedTool | NamedCustomTool | AllowedTools


@dataclasses.dataclass
class ChatOffer:
    """What the model is offered, which of it is called with a bare input, what was left out."""

    tools: list[Tool] = dataclasses.field(default_factory=list)
    custom: set[str] = dataclasses.field(default_factory=set)
    notes: list[str] = dataclasses.field(default_factory=list)


def offered(bodies: Sequence[ToolBody] | None) -> ChatOffer:
    """The tools as an operation carries them.

    Raises:
        InvalidRequest: a tool without a proper name.
    """
    found = ChatOffer()
    for at, body in enumerate(bodies or []):
        _offer(found, body, f"tools[{at}]")
    return found


def chosen(choice: ToolChoice | None, found: ChatOffer) -> tuple[str, list[Tool]]:
    """The choice as an operation writes it, and the tools that remain offered.

    Raises:
        InvalidRequest: not a choice.
    """
    match choice:
        case None:
            return "auto", found.tools
        case str() if choice not in {"auto", "none", "required"}:
            raise InvalidRequest(
                f"tool_choice: {choice!r} is not one of auto, none, required", field="tool_choice"
            )
        case str():
            return choice, found.tools
        case NamedTool(function=named) | NamedCustomTool(custom=named):
            return named.name, found.tools
        case AllowedTools(allowed_tools=allowed):
            names = {_name(tool) for tool in allowed.tools}
            return allowed.mode, [tool for tool in found.tools if tool.name in names]


def _offer(found: ChatOffer, body: ToolBody, field: str) -> None:
    match body:
        case ToolBody(type="function", function=FunctionBody() as function):
            with renamed({"name": f"{field}.function.name"}):
                found.tools.append(
                    Tool(
                        name=function.name,
                        description=function.description or "",
                        parameters=function.parameters or {},
                        strict=bool(function.strict),
                    )
                )
        case ToolBody(type="custom", custom=CustomBody() as custom):
            grammar = custom.format.grammar if custom.format else None
            with renamed({"name": f"{field}.custom.name"}):
                found.tools.append(custom_tool(custom.name, custom.description or "", grammar))
            found.custom.add(custom.name)
            found.notes += grammar_notes(field, custom.name, grammar)
        case ToolBody(type="function" | "custom" as kind):
            raise InvalidRequest(f"{field}.{kind}: this field is required", field=f"{field}.{kind}")
        case ToolBody(type=kind):
            found.notes.append(left_out(field, kind))


def _name(body: ToolBody) -> str:
    named = body.function or body.custom
    return named.name if named else ""
