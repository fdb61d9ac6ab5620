"""Calls as the responses API writes them: an item type for each kind of tool."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from ingle.operations import ToolCall
from ingle.wire.openai.custom_tool import ARGUMENT
from ingle.wire.string_argument import StringArgument, string_argument

Item = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallForm(abc.ABC):
    """How calls of one tool are written."""

    name: str
    """The tool's name as the client has it; the model's may have the namespace before it."""

    prefix: ClassVar[str]
    delta: ClassVar[str] = ""
    """The event that brings a piece of the arguments; empty where they come whole."""

    @abc.abstractmethod
    def item(self, identity: str, call_id: str, arguments: str, status: str) -> Item:
        """The call, with what is there of its arguments."""

    def done(self, arguments: str) -> tuple[str, Item]:
        """The event after the last piece, and its fields. Asked where there are pieces."""
        raise NotImplementedError

    def pieces(self) -> Callable[[str], str]:
        """What a piece of the model's arguments adds to the client's."""
        return str


@dataclasses.dataclass(frozen=True, kw_only=True)
class FunctionForm(CallForm):
    """``function_call``: arguments as the model wrote them."""

    namespace: str = ""
    prefix = "fc"
    delta = "response.function_call_arguments.delta"

    def item(self, identity: str, call_id: str, arguments: str, status: str) -> Item:
        return {
            "id": identity,
            "type": "function_call",
            "status": status,
            "call_id": call_id,
            "name": self.name,
            **_within(self.namespace),
            "arguments": arguments,
        }

    def done(self, arguments: str) -> tuple[str, Item]:
        event = "response.function_call_arguments.done"
        return event, {"name": self.name, "arguments": arguments}


@dataclasses.dataclass(frozen=True, kw_only=True)
class CustomForm(CallForm):
    """``custom_tool_call``: the bare input."""

    namespace: str = ""
    prefix = "ctc"
    delta = "response.custom_tool_call_input.delta"

    def item(self, identity: str, call_id: str, arguments: str, status: str) -> Item:
        return {
            "id": identity,
            "type": "custom_tool_call",
            "status": status,
            "call_id": call_id,
            "name": self.name,
            **_within(self.namespace),
            "input": string_argument(arguments, ARGUMENT),
        }

    def done(self, arguments: str) -> tuple[str, Item]:
        event = "response.custom_tool_call_input.done"
        return event, {"input": string_argument(arguments, ARGUMENT)}

    def pieces(self) -> Callable[[str], str]:
        return StringArgument(ARGUMENT).feed


@dataclasses.dataclass(frozen=True, kw_only=True)
class LocalShellForm(CallForm):
    """``local_shell_call``: one command."""

    name: str = "local_shell"
    prefix = "lsh"

    def item(self, identity: str, call_id: str, arguments: str, status: str) -> Item:
        action = {"type": "exec", "command": [], "env": {}, **_object(arguments)}
        return _call(identity, "local_shell_call", status, call_id, action=action)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShellForm(CallForm):
    """``shell_call``: commands, and limits on them."""

    name: str = "shell"
    environment: Item | None = None
    prefix = "sh"

    def item(self, identity: str, call_id: str, arguments: str, status: str) -> Item:
        limits = {"timeout_ms": None, "max_output_length": None}
        return _call(
            identity,
            "shell_call",
            status,
            call_id,
            action={"commands": [], **limits, **_object(arguments)},
            environment=self.environment,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ApplyPatchForm(CallForm):
    """``apply_patch_call``: a change of one file."""

    name: str = "apply_patch"
    prefix = "apc"

    def item(self, identity: str, call_id: str, arguments: str, status: str) -> Item:
        operation = _object(arguments)
        return _call(identity, "apply_patch_call", status, call_id, operation=operation)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToolSearchForm(CallForm):
    """``tool_search_call``, where the client does the search."""

    name: str = "tool_search"
    prefix = "tsc"

    def item(self, identity: str, call_id: str, arguments: str, status: str) -> Item:
        return _call(
            identity,
            "tool_search_call",
            status,
            call_id,
            execution="client",
            arguments=_object(arguments),
        )


Forms = dict[str, CallForm]
"""By the name that the model has for the tool."""


def form_of(forms: Forms, name: str) -> CallForm:
    """How a call is written; a name that was not offered is a function's."""
    return forms.get(name) or FunctionForm(name=name)


def flat_name(namespace: str, name: str) -> str:
    """The one name that the model has for a tool in a namespace."""
    if not namespace:
        return name
    return f"{namespace}{name}" if namespace.endswith("_") else f"{namespace}__{name}"


def _call(identity: str, kind: str, status: str, call_id: str, **fields: Any) -> Item:
    return {"id": identity, "type": kind, "status": status, "call_id": call_id, **fields}


def _within(namespace: str) -> Item:
    return {"namespace": namespace} if namespace else {}


def _object(arguments: str) -> Item:
    # Nothing is written yet where an item is added.
    return ToolCall(id="", name="call", arguments=arguments).argument_object if arguments else {}


def earlier_arguments(given: Any, *left_out: str) -> str:
    """The fields of an earlier call as arguments, without those that the client adds."""
    fields = given if isinstance(given, dict) else {}
    kept = {key: value for key, value in fields.items() if key not in left_out and value}
    return msgspec.json.encode(kept).decode()
