"""Custom tools: the model is offered a function of one string, the client gets the bare string.

Sources: API reference, "Custom tools" of chat and of responses, which nest the same fields
differently.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ingle.operations import Tool

ARGUMENT = "input"
_LANGUAGES = {"lark": "the Lark grammar", "regex": "the regular expression"}


class GrammarBody(msgspec.Struct, kw_only=True):
    definition: str
    syntax: Literal["lark", "regex"]


def custom_tool(name: str, description: str, grammar: GrammarBody | None) -> Tool:
    """The function that stands for a custom tool."""
    told = [description] if description else []
    if grammar is not None:
        told.append(
            f"The input must match {_LANGUAGES[grammar.syntax]}:\n{grammar.definition.strip()}"
        )
    argument = {"type": "string", "description": "The whole input, as plain text."}
    if grammar is not None and grammar.syntax == "regex":
        argument["pattern"] = f"^(?:{grammar.definition.strip()})$"
    return Tool(
        name=name,
        description="\n\n".join(told),
        parameters={
            "type": "object",
            "properties": {ARGUMENT: argument},
            "required": [ARGUMENT],
            "additionalProperties": False,
        },
    )


def custom_arguments(text: str) -> str:
    """The input of an earlier call, as the arguments of the function that stands for the tool."""
    return msgspec.json.encode({ARGUMENT: text}).decode()


def grammar_notes(field: str, name: str, grammar: GrammarBody | None) -> list[str]:
    """The note about a grammar that the model is told of, and nothing more.

    A regular expression is a part of the schema of the call, which is held or checked.
    """
    if grammar is None or grammar.syntax == "regex":
        return []
    return [f"{field}: the grammar of {name} is described to the model but not enforced"]


def left_out(field: str, kind: str) -> str:
    """The note about a tool that only the vendor's own servers run."""
    return f"{field}: {kind} is a hosted tool, which is not available here; it was left out"
