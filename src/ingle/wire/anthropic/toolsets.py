"""Toolsets: one entry of ``tools`` that stands for all actions on a computer or in a browser.

Source: the types of Anthropic's SDK for ``computer_toolset_20260801`` and
``browser_toolset_20260801``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ingle.operations import Tool

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}
_POINT: Schema = {"type": "array", "items": _INTEGER, "minItems": 2, "maxItems": 2}
_SPOT: Schema = {
    "type": "object",
    "properties": {"type": {"const": "coordinate"}, "x": _INTEGER, "y": _INTEGER},
    "required": ["type", "x", "y"],
}
_ELEMENT: Schema = {
    "type": "object",
    "properties": {"type": {"const": "ref"}, "ref": _STRING},
    "required": ["type", "ref"],
}
_FIELDS: dict[str, Schema] = {
    "coordinate": _POINT,
    "start_coordinate": _POINT,
    "region": {**_POINT, "minItems": 4, "maxItems": 4},
    "text": _STRING,
    "repeat": _INTEGER,
    "duration": {"type": "number"},
    "scroll_direction": {**_STRING, "enum": ["up", "down", "left", "right"]},
    "scroll_amount": _INTEGER,
    "tab_id": _STRING,
    "query": _STRING,
    "url": _STRING,
    "modifiers": _STRING,
    "value": {"type": ["string", "number", "boolean"]},
    "paths": {"type": "array", "items": _STRING},
    "document_ids": {"type": "array", "items": _STRING},
    "depth": _INTEGER,
    "ref": _STRING,
    "filter": {**_STRING, "enum": ["all", "interactive"]},
    "target": {"anyOf": [_SPOT, _ELEMENT]},
    "spot": _SPOT,
    "element": _ELEMENT,
    "from": _SPOT,
}
_NAMED = {"spot": "target", "element": "target"}
"""Fields of one name that hold different things, by what they hold."""

_CLICK = "coordinate? text?"
_TARGET = "target modifiers? tab_id?"
_TOOLSETS = {
    "computer": {
        "cursor_position": "",
        "double_click": _CLICK,
        "hold_key": "text duration",
        "key": "text repeat?",
        "left_click": _CLICK,
        "left_click_drag": "start_coordinate coordinate text?",
        "left_mouse_down": "",
        "left_mouse_up": "",
        "middle_click": _CLICK,
        "mouse_move": "coordinate",
        "right_click": _CLICK,
        "screenshot": "",
        "scroll": "scroll_direction scroll_amount coordinate? text?",
        "triple_click": _CLICK,
        "type": "text",
        "wait": "duration",
        "zoom": "region",
    },
    "browser": {
        "close_tab": "tab_id",
        "double_click": _TARGET,
        "file_upload": "element document_ids? paths? tab_id?",
        "find": "query tab_id?",
        "form_input": "element value tab_id?",
        "get_page_text": "tab_id?",
        "hold_key": "text duration tab_id?",
        "hover": "target tab_id?",
        "javascript_exec": "text tab_id?",
        "key": "text repeat? tab_id?",
        "left_click": _TARGET,
        "left_click_drag": "from spot tab_id?",
        "left_mouse_down": "spot tab_id?",
        "left_mouse_up": "spot tab_id?",
        "list_tabs": "",
        "middle_click": _TARGET,
        "mouse_move": "spot tab_id?",
        "navigate": "url tab_id?",
        "new_tab": "",
        "read_console": "tab_id?",
        "read_network": "tab_id?",
        "read_page": "filter? depth? ref? tab_id?",
        "right_click": _TARGET,
        "screenshot": "tab_id?",
        "scroll": "scroll_direction spot scroll_amount? tab_id?",
        "scroll_to": "element tab_id?",
        "switch_tab": "tab_id",
        "triple_click": _TARGET,
        "type": "text tab_id?",
        "wait": "duration tab_id?",
        "zoom": "region tab_id?",
    },
}
"""Actions and their fields; those with a question mark may be left out."""


class ToolsetMember(NamedTuple):
    """An action, as the client has it."""

    toolset: str
    name: str

    @property
    def flat_name(self) -> str:
        """The one name that the model has for it."""
        return member_name(self.toolset, self.name)


Members = Mapping[str, ToolsetMember]
"""By the name that the model has for the action."""


def member_name(toolset: str | None, name: str) -> str:
    """The one name that the model has for a tool, of a toolset or not."""
    return f"{toolset}__{name}" if toolset else name


def toolset_members(
    kind: str, configs: Mapping[str, Any] | None
) -> Iterator[tuple[ToolsetMember, Tool]]:
    """The actions of a toolset that the client has not switched off; none for another type."""
    toolset = kind.partition("_toolset_")[0]
    for name, fields in _TOOLSETS.get(toolset, {}).items():
        config = (configs or {}).get(name)
        if isinstance(config, dict) and config.get("enabled") is False:
            continue
        member = ToolsetMember(toolset, name)
        yield member, _tool(member, fields.split())


def _tool(member: ToolsetMember, fields: list[str]) -> Tool:
    bare = [field.rstrip("?") for field in fields]
    return Tool(
        name=member.flat_name,
        description=f"{member.name.replace('_', ' ').capitalize()}, in the {member.toolset}.",
        parameters={
            "type": "object",
            "properties": {_NAMED.get(field, field): _FIELDS[field] for field in bare},
            "required": [_NAMED.get(field, field) for field in fields if field[-1] != "?"],
        },
    )
