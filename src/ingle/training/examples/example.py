"""`Example`: one thing to learn, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ingle.errors import InvalidRequest

HINT = (
    'an example is such as {"prompt": "What is our motto?", "completion": "Embers glow."}, '
    'or {"messages": [...]}; columns of other names: --columns prompt=question,completion=answer'
)


class RowPosition(NamedTuple):
    """Where an example stands."""

    number: int
    file: str = ""
    unit: str = "line"
    """``line`` of a text, ``row`` of a table, ``element`` of an array."""

    def __str__(self) -> str:
        at = f"{self.unit} {self.number}"
        return f"{self.file}, {at}" if self.file else at

    def bad(self, what: str, hint: str = HINT) -> InvalidRequest:
        """The error that says what is wrong here."""
        return InvalidRequest(
            f"{self}: {what}", hint=hint, field="data", line=self.number, file=self.file
        )


class Example(NamedTuple):
    """One example; exactly one of the three forms is filled."""

    place: RowPosition
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    prompt: str = ""
    completion: str = ""
    text: str = ""
    masked: frozenset[int] = frozenset()
    """Of the messages, those of the assistant that are read and not learnt."""
    unused: frozenset[str] = frozenset()
    """Names of what the row has and no one reads."""
    template_options: Mapping[str, Any] = MappingProxyType({})
    """Extra variables for the chat template."""

    @property
    def record(self) -> dict[str, Any]:
        """The example as a line of JSON has it; read again, it is the same."""
        options = dict(self.template_options)
        more: dict[str, Any] = {"chat_template_kwargs": options} if options else {}
        if self.messages:
            tools = {"tools": self.tools} if self.tools else {}
            messages = [
                {**message, "weight": 0} if at in self.masked else message
                for at, message in enumerate(self.messages)
            ]
            return {"messages": messages, **tools, **more}
        if self.text:
            return {"text": self.text}
        return {"prompt": self.prompt, "completion": self.completion, **more}
