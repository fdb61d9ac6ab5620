"""Tools that a client runs itself and names by a type only: their published input.

Source: API documentation, "Bash tool", "Text editor tool", "Computer use tool", "Memory tool".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ingle.operations import Tool

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}
_POINT: Schema = {"type": "array", "items": _INTEGER, "minItems": 2, "maxItems": 2}
_FILE_COMMANDS = {
    "path": _STRING,
    "file_text": {**_STRING, "description": "What create writes."},
    "old_str": {**_STRING, "description": "What str_replace looks for; it must occur once."},
    "new_str": {**_STRING, "description": "What str_replace puts in its place."},
    "insert_line": {**_INTEGER, "description": "insert writes after this line; 0: at the top."},
    "view_range": {**_POINT, "description": "The first and last line that view shows."},
}
_INSERTED = {**_STRING, "description": "What insert writes."}
_MOUSE = ["left_click", "right_click", "middle_click", "double_click", "left_click_drag"]
_ACTIONS = ["key", "type", "mouse_move", *_MOUSE, "screenshot", "cursor_position"]
_ACTIONS_OF_2025 = [
    *_ACTIONS,
    *("left_mouse_down", "left_mouse_up", "triple_click", "scroll", "hold_key", "wait"),
]


class PublishedToolBody(msgspec.Struct, kw_only=True):
    """What a client says of such a tool."""

    type: str = "custom"
    name: str = ""
    display_width_px: int | None = None
    display_height_px: int | None = None
    enable_zoom: bool | None = None


def published_tool(body: PublishedToolBody) -> Tool | None:
    """The tool as the model is offered it; None for a type that no client runs."""
    for prefix, described in _PUBLISHED.items():
        if body.type.startswith(prefix):
            return described(body)
    return None


def _bash(body: PublishedToolBody) -> Tool:
    return Tool(
        name=body.name or "bash",
        description="Run a command in a bash session that lasts, or restart the session.",
        parameters=_object(
            command={**_STRING, "description": "Not needed to restart."},
            restart={"type": "boolean"},
        ),
    )


def _text_editor(body: PublishedToolBody) -> Tool:
    commands = ["view", "create", "str_replace", "insert"]
    if body.type < "text_editor_20250429":
        commands.append("undo_edit")
    fields = dict(_FILE_COMMANDS)
    if body.type >= "text_editor_20250728":  # before that, insert writes new_str
        fields["insert_text"] = _INSERTED
    return Tool(
        name=body.name or "str_replace_based_edit_tool",
        description="View, create and edit text files.",
        parameters=_object("command", "path", command={**_STRING, "enum": commands}, **fields),
    )


def _memory(body: PublishedToolBody) -> Tool:
    commands = ["view", "create", "str_replace", "insert", "delete", "rename"]
    return Tool(
        name=body.name or "memory",
        description="Keep notes in files under /memories, which later conversations can read.",
        parameters=_object(
            "command",
            command={**_STRING, "enum": commands},
            **_FILE_COMMANDS,
            insert_text=_INSERTED,
            old_path={**_STRING, "description": "What rename renames."},
            new_path={**_STRING, "description": "Its name afterwards."},
        ),
    )


def _computer(body: PublishedToolBody) -> Tool:
    actions = _ACTIONS if body.type == "computer_20241022" else _ACTIONS_OF_2025
    fields: Schema = {
        "text": {**_STRING, "description": "The text to type, or the keys to press."},
        "coordinate": {**_POINT, "description": "x and y in pixels."},
    }
    if actions is _ACTIONS_OF_2025:
        fields |= {
            "start_coordinate": {**_POINT, "description": "Where left_click_drag begins."},
            "scroll_direction": {**_STRING, "enum": ["up", "down", "left", "right"]},
            "scroll_amount": _INTEGER,
            "duration": {"type": "number", "description": "Seconds of hold_key and wait."},
        }
    if body.enable_zoom:
        actions = [*actions, "zoom"]
        fields["region"] = {**_POINT, "minItems": 4, "maxItems": 4}
    return Tool(
        name=body.name or "computer",
        description=(
            "Use the mouse and the keyboard of a computer and see its screen, of "
            f"{body.display_width_px} x {body.display_height_px} pixels."
        ),
        parameters=_object("action", action={**_STRING, "enum": actions}, **fields),
    )


_PUBLISHED: dict[str, Callable[[PublishedToolBody], Tool]] = {
    "bash_2": _bash,
    "text_editor_2": _text_editor,
    "memory_2": _memory,
    "computer_2": _computer,
}


def _object(*required: str, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}
