"""Tools of the messages route: what the model is offered of them, and how it chooses."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from ingle.errors import CapabilityMissing
from ingle.operations import Tool
from ingle.wire.anthropic.published_tools import PublishedToolBody, published_tool
from ingle.wire.anthropic.toolsets import ToolsetMember, toolset_members
from ingle.wire.body import renamed


class AnthropicToolBody(PublishedToolBody, kw_only=True):
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None
    configs: dict[str, Any] | None = None


class AnthropicToolChoiceBody(msgspec.Struct, kw_only=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


@dataclasses.dataclass
class AnthropicOffer:
    """What the model is offered, and what was left out."""

    tools: list[Tool] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    hosted: set[str] = dataclasses.field(default_factory=set)
    """Names of tools that were left out."""
    members: dict[str, ToolsetMember] = dataclasses.field(default_factory=dict)
    """Actions of toolsets, by the name that the model has for them."""


def offered(bodies: Sequence[AnthropicToolBody] | None) -> AnthropicOffer:
    """The tools that the client runs; of all others a note.

    Raises:
        InvalidRequest: a tool without a proper name.
    """
    found = AnthropicOffer()
    for at, body in enumerate(bodies or []):
        field = f"tools[{at}]"
        members = dict(toolset_members(body.type, body.configs))
        found.members |= {member.flat_name: member for member in members}
        found.tools += members.values()
        if members:
            continue
        with renamed({"name": f"{field}.name"}):
            tool = _tool(body)
        if tool is not None:
            found.tools.append(tool)
            continue
        found.hosted.add(body.name)
        found.notes.append(
            f"{field}: {body.type} is a hosted tool, which is not available here; it was left out"
        )
    return found


def chosen(choice: AnthropicToolChoiceBody | None, found: AnthropicOffer) -> str:
    """The choice as an operation writes it.

    Raises:
        CapabilityMissing: of a tool that was left out.
    """
    if choice is None:
        return "auto"
    if choice.type != "tool":
        return "required" if choice.type == "any" else choice.type
    if choice.name in found.hosted:
        raise CapabilityMissing(
            f"tool_choice: {choice.name} is a hosted tool, which is not available here",
            hint='let the model choose: {"type": "auto"}',
            field="tool_choice",
            capability=choice.name,
        )
    return choice.name or ""


def _tool(body: AnthropicToolBody) -> Tool | None:
    if body.type != "custom" and body.input_schema is None:
        return published_tool(body)
    return Tool(
        name=body.name,
        description=body.description or "",
        parameters=body.input_schema or {},
        strict=bool(body.strict),
    )
