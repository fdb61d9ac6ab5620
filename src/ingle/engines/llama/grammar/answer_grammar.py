"""One grammar for an answer: reasoning first, then calls of tools, or the answer itself.

A call is a JSON object with a name and arguments. Where the template has tags for calls, it is
written between them; a small model may leave them out, and is understood all the same.

Source: LLGuidance's dialect of Lark (``docs/syntax.md`` of guidance-ai/llguidance).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ingle.engines.llama.thought_splitter import CLOSING, OPENING

OPENING_TAG = "<tool_call>"
CLOSING_TAG = "</tool_call>"
_SPACED = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""How JSON is mostly written, and so what models write best. Left free, a small one writes blanks
until its room is used up; held to none at all, it loses its way."""


class Thought(Enum):
    """Whether an answer may begin with reasoning."""

    NONE = ""
    OFFERED = f'("{OPENING}" thought /\\n?\\n?/)? '
    OPENED = "thought /\\n?\\n?/ "
    """The prompt has the opening tag already."""


@dataclass(frozen=True)
class CallableTool:
    """A tool as a grammar knows it."""

    name: str
    arguments: dict[str, Any]
    """The schema of its arguments that is held."""

    @property
    def head(self) -> str:
        """What a call of it begins with."""
        return f'{{"name": {json.dumps(self.name)}, "arguments": '


def schema_grammar(schema: dict[str, Any], thought: Thought = Thought.NONE) -> str:
    """The answer is JSON of this schema."""
    return _grammar(f"{thought.value}answer", [_answer(schema)], thought)


def call_grammar(tools: Sequence[CallableTool], thought: Thought, *, tagged: bool) -> str:
    """The answer is one call of one of these.

    Vocabularies have tokens such as `"}}` with a line's end. Where a model wants one and the bare
    schema refuses it, what is left to choose from are tokens that don't end the text at all.
    """
    form = "tagged" if tagged else 'body "\\n"?'
    return _grammar(f"{thought.value}{form}", _calls(tools), thought)


def call_or_schema_grammar(
    tools: Sequence[CallableTool], schema: dict[str, Any], thought: Thought, *, several: bool
) -> str:
    """The answer is a call (or several), or JSON of the schema."""
    more = '("\\n" tagged)*' if several else ""
    rules = [*_calls(tools), _answer(schema)]
    return _grammar(f"{thought.value}(tagged {more} | body | answer)", rules, thought)


def call_or_text_grammar(tools: Sequence[CallableTool], thought: Thought, *, several: bool) -> str:
    """The answer is text, and what follows an opening tag in it is a call (or several)."""
    more = '("\\n" tagged)*' if several else ""
    spoken = f'spoken[suffix="{OPENING_TAG}"]: /(?s:.*)/'
    rules = [*_calls(tools), spoken, "TEXT: /(?s:.*)/"]
    return _grammar(f"{thought.value}(TEXT | spoken untagged {more})", rules, thought)


def _grammar(start: str, rules: Sequence[str], thought: Thought) -> str:
    lines = ["%llguidance {}", f"start: {start}", *rules]
    if thought is not Thought.NONE:
        lines.append(f'thought[suffix="{CLOSING}"]: /(?s:.*)/')
    return "\n".join(lines)


def _answer(schema: dict[str, Any]) -> str:
    return f"answer: %json {_json({'x-guidance': _SPACED, **schema})}"


def _calls(tools: Sequence[CallableTool]) -> list[str]:
    bodies = [f'{json.dumps(tool.head)} arguments_{at} "}}"' for at, tool in enumerate(tools)]
    return [
        f'tagged: "{OPENING_TAG}" untagged',
        f'untagged: "\\n" body "\\n{CLOSING_TAG}"',
        f"body: {' | '.join(bodies)}",
        *(
            f"arguments_{at}: %json {_json({'x-guidance': _SPACED, **tool.arguments})}"
            for at, tool in enumerate(tools)
        ),
    ]


def _json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, separators=(",", ":"))
