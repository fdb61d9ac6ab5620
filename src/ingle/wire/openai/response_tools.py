"""Tools of the responses route: what the model is offered of them, and how it chooses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import Tool
from ingle.wire.body import convert, renamed
from ingle.wire.openai.custom_tool import GrammarBody, custom_tool, grammar_notes, left_out
from ingle.wire.openai.file_search import FILE_SEARCH, FileSearchTool, read_tool
from ingle.wire.openai.response_calls import (
    ApplyPatchForm,
    CallForm,
    CustomForm,
    Forms,
    FunctionForm,
    LocalShellForm,
    ShellForm,
    ToolSearchForm,
    flat_name,
)

_STRINGS = {"type": "array", "items": {"type": "string"}}
_MILLISECONDS = {"type": "integer", "description": "How long it may take, in milliseconds."}
_LOCAL_SHELL = Tool(
    name="local_shell",
    description="Run a command on the user's machine.",
    parameters={
        "type": "object",
        "properties": {
            "command": {**_STRINGS, "description": "The program and its arguments."},
            "working_directory": {"type": "string"},
            "env": {"type": "object", "additionalProperties": {"type": "string"}},
            "user": {"type": "string", "description": "The user to run it as."},
            "timeout_ms": _MILLISECONDS,
        },
        "required": ["command"],
    },
)
_SHELL = Tool(
    name="shell",
    description="Run shell commands on the user's machine, one after the other.",
    parameters={
        "type": "object",
        "properties": {
            "commands": _STRINGS,
            "timeout_ms": _MILLISECONDS,
            "max_output_length": {"type": "integer", "description": "Characters of output kept."},
        },
        "required": ["commands"],
    },
)
_APPLY_PATCH = Tool(
    name="apply_patch",
    description="Create, update or delete a file. A diff marks its lines with '+', '-' or ' '.",
    parameters={
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
            "path": {"type": "string", "description": "Relative to the root of the workspace."},
            "diff": {"type": "string", "description": "Not needed to delete a file."},
        },
        "required": ["type", "path"],
    },
)
_OBJECT = {"type": "object", "properties": {}}


class ToolFormatBody(msgspec.Struct, kw_only=True):
    type: Literal["text", "grammar"] = "text"
    definition: str = ""
    syntax: Literal["lark", "regex"] = "lark"

    @property
    def grammar(self) -> GrammarBody | None:
        """The grammar, if there is one."""
        if self.type == "text":
            return None
        return GrammarBody(definition=self.definition, syntax=self.syntax)


class ResponsesToolBody(msgspec.Struct, kw_only=True):
    type: str = "function"
    name: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    format: ToolFormatBody | None = None
    tools: list[ResponsesToolBody] | None = None
    environment: Any = None
    execution: str | None = None
    vector_store_ids: Any = None
    max_num_results: Any = None
    filters: Any = None
    ranking_options: Any = None


class ResponsesToolChoiceBody(msgspec.Struct, kw_only=True):
    type: str
    name: str | None = None
    namespace: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[ResponsesToolBody] = []


@dataclasses.dataclass
class ToolOffer:
    """What the model is offered, how its calls are written, and what was left out."""

    tools: list[Tool] = dataclasses.field(default_factory=list)
    forms: Forms = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)
    hosted: set[str] = dataclasses.field(default_factory=set)
    """Types that were left out."""
    file_searches: list[FileSearchTool] = dataclasses.field(default_factory=list)
    """What is searched before the model is asked."""

    def add(self, tool: Tool, form: CallForm, field: str) -> None:
        """Offer a tool. The same one again, as clients send it after a search, changes nothing.

        Raises:
            InvalidRequest: another kind of tool has its name.
        """
        known = self.forms.get(tool.name)
        if known is not None and known != form:
            raise InvalidRequest(
                f"{field}: another tool is also named {tool.name!r}", field=f"{field}.name"
            )
        if known is None:
            self.forms[tool.name] = form
            self.tools.append(tool)

    def leave_out(self, kind: str, field: str) -> None:
        """Note that a tool is not offered."""
        self.hosted.add(kind)
        self.notes.append(left_out(field, kind))

    def named(self, choice: ResponsesToolChoiceBody | ResponsesToolBody) -> list[str]:
        """The model's names of what a choice names: the tool, or all of a namespace."""
        namespace = getattr(choice, "namespace", None) or ""
        if choice.type in {"function", "custom"}:
            flat = flat_name(namespace, choice.name or "")
            return [
                name
                for name, form in self.forms.items()
                if name == flat or (not namespace and form.name == choice.name)
            ]
        if choice.type == "namespace":
            return [
                name
                for name, form in self.forms.items()
                if getattr(form, "namespace", "") == choice.name
            ]
        return [choice.type] if choice.type in self.forms else []


def tool_bodies(given: Iterable[Any], field: str) -> list[tuple[str, ResponsesToolBody]]:
    """Tools as the client wrote them, each with where it stands.

    Raises:
        InvalidRequest: a field of the wrong type.
    """
    found = []
    for at, tool in enumerate(given):
        place = f"{field}[{at}]"
        found.append((place, convert(tool, ResponsesToolBody, place)))
    return found


def offer(bodies: Sequence[tuple[str, ResponsesToolBody]]) -> ToolOffer:
    """What the model is offered.

    Raises:
        InvalidRequest: a tool without a proper name, or two with one name.
    """
    found = ToolOffer()
    for field, body in bodies:
        _offer(found, body, field, namespace="")
    return found


def chosen(given: str | dict[str, Any] | None, found: ToolOffer) -> tuple[str, list[Tool]]:
    """The choice as an operation writes it, and the tools that remain offered.

    Raises:
        InvalidRequest: not a choice, or of a tool that is not there.
        CapabilityMissing: of a tool that was left out.
    """
    if given is None:
        return "auto", found.tools
    if isinstance(given, str):
        if given not in {"auto", "none", "required"}:
            raise InvalidRequest(
                f"tool_choice: {given!r} is not one of auto, none, required", field="tool_choice"
            )
        searches = given == "required" and found.file_searches and not found.tools
        return "auto" if searches else given, found.tools
    choice = convert(given, ResponsesToolChoiceBody, "tool_choice")
    if choice.type == "allowed_tools":
        allowed = {name for tool in choice.tools for name in found.named(tool)}
        return choice.mode or "auto", [tool for tool in found.tools if tool.name in allowed]
    if choice.type == FILE_SEARCH and found.file_searches:
        return "auto", found.tools
    names = found.named(choice)
    if names:
        return names[0], found.tools
    raise _not_offered(choice, found)


def _not_offered(choice: ResponsesToolChoiceBody, found: ToolOffer) -> InvalidRequest:
    if choice.type in found.hosted:
        return CapabilityMissing(
            f"tool_choice: {choice.type} is a hosted tool, which is not available here",
            hint="let the model choose: tool_choice auto",
            field="tool_choice",
            capability=choice.type,
        )
    name = choice.name or choice.type
    return InvalidRequest(
        f"tool_choice names {name!r}, which is not one of the tools", field="tool_choice"
    )


def _offer(found: ToolOffer, body: ResponsesToolBody, field: str, *, namespace: str) -> None:
    match body.type:
        case "function":
            form: CallForm = FunctionForm(name=body.name, namespace=namespace)
            found.add(_function(body, field, namespace), form, field)
        case "custom":
            grammar = body.format.grammar if body.format else None
            with renamed({"name": f"{field}.name"}):
                name = flat_name(namespace, body.name)
                tool = custom_tool(name, body.description or "", grammar)
            found.add(tool, CustomForm(name=body.name, namespace=namespace), field)
            found.notes += grammar_notes(field, body.name, grammar)
        case "namespace":
            for at, inner in enumerate(body.tools or []):
                _offer(found, inner, f"{field}.tools[{at}]", namespace=body.name)
        case "local_shell":
            found.add(_LOCAL_SHELL, LocalShellForm(), field)
        case "shell" if body.environment is None or _is_local(body.environment):
            found.add(_SHELL, ShellForm(environment=body.environment), field)
        case "apply_patch":
            found.add(_APPLY_PATCH, ApplyPatchForm(), field)
        case "tool_search" if body.execution == "client":
            description = body.description or "Find more tools."
            parameters = body.parameters or _OBJECT
            tool = Tool(name="tool_search", description=description, parameters=parameters)
            found.add(tool, ToolSearchForm(), field)
        case "file_search":
            found.file_searches.append(read_tool(msgspec.structs.asdict(body), field))
        case kind:
            found.leave_out(kind, field)


def _is_local(environment: Any) -> bool:
    return isinstance(environment, dict) and environment.get("type") == "local"


def _function(body: ResponsesToolBody, field: str, namespace: str) -> Tool:
    with renamed({"name": f"{field}.name"}):
        return Tool(
            name=flat_name(namespace, body.name),
            description=body.description or "",
            parameters=body.parameters or {},
            strict=bool(body.strict),
        )
