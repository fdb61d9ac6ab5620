"""Collects every message that a person can see, off the code, so that all can be read in one go.

A message is a string that the code gives to an error, a hint, a note, a help text, a job's note
or the log. Parts that are filled in stand in braces. What it finds is written to
``reference/messages.md`` by ``generate.py``; ``tests/docs/test_messages.py`` reads them for style.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).parents[1] / "src" / "ingle"
CALLS = {
    "Command": "help", "option": "help", "argument": "help", "prompt": "prompt",
    "confirm": "prompt", "note": "note", "text": "output", "echo": "output", "secho": "output",
    "Done": "done", "JobNote": "note", "TrainingNote": "note", "Finding": "doctor",
    "LinkError": "LinkError", "bad": "InvalidRequest", "_bad": "BadModelFile",
    "_refused": "InvalidRequest", "_invalid": "InvalidRequest", "debug": "log", "info": "log",
    "warning": "log", "error": "log", "exception": "log",
}  # fmt: skip
"""What takes a message, and how the page calls it. Errors are added."""
KEYWORDS = ("hint", "message", "help", "text", "fix")
ENGLISH = " "
"""What a message has and a name, a format or a flag has not."""


class Message(NamedTuple):
    """One message."""

    path: str
    """Of the file, from ``src/ingle``."""
    line: int
    kind: str
    """``help``, ``note``, ``log``, ..., an error's class, or ``hint``."""
    text: str


def messages() -> list[Message]:
    """All, by file and line."""
    return [found for path in sorted(SOURCE.rglob("*.py")) for found in _in_file(path)]


def page(note: str) -> str:
    """The page that lists them."""
    text = f"""# Messages

{note}Every message that a person can see: errors with their hints, notes, help and log lines.
Parts in braces are filled in. CONTRIBUTING.md says which style they follow.
"""
    by_file: dict[str, list[Message]] = {}
    for message in messages():
        by_file.setdefault(message.path, []).append(message)
    for path, found in by_file.items():
        lines = [
            textwrap.fill(
                " ".join(message.text.split()),
                width=98,
                initial_indent=f"{message.kind:<18}",
                subsequent_indent=" " * 18,
                break_long_words=False,
                break_on_hyphens=False,
            )
            for message in found
        ]
        text += f"\n## {path}\n\n```text\n" + "\n".join(lines) + "\n```\n"
    return text


def _in_file(path: Path) -> Iterator[Message]:
    where = str(path.relative_to(SOURCE))
    errors = {
        node.name
        for node in ast.parse((SOURCE / "errors.py").read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name not in errors and name not in CALLS:
            continue
        kind = CALLS.get(name, name)
        given = [(kind, value) for value in call.args]
        given += [
            ("hint" if keyword.arg == "hint" else kind, keyword.value)
            for keyword in call.keywords
            if keyword.arg in KEYWORDS
        ]
        for kind_of, value in given:
            for text in _texts(value):
                if ENGLISH in text.strip() and text.strip("{} "):
                    yield Message(where, call.lineno, kind_of, text)


def _texts(node: ast.expr) -> Iterator[str]:
    """The texts an expression may give; both branches of a condition."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
        text = _text(node)
        if any(letter.isalpha() for letter in text.replace("{}", "")):
            yield text


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) for part in parts)
        case ast.FormattedValue(value=value):
            return "{" + ast.unparse(value) + "}"
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
        case ast.IfExp(body=body):
            return _text(body)
        case _:
            return "{" + ast.unparse(node) + "}"
