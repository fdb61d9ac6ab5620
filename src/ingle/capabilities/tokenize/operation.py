"""Tokenize, detokenize and count: exactly as the model would see it."""

from __future__ import annotations

from ingle.errors import InvalidRequest
from ingle.operations import Message, Tool
from ingle.operations.operation import Event, ModelOperation, TokenId


class Tokenize(ModelOperation, frozen=True, kw_only=True, tag="tokenize"):
    """Text, or a whole conversation rendered by the model's template, to token ids.

    Events: `Status`, then one `Tokenized`.
    """

    text: str = ""
    messages: list[Message] = []
    tools: list[Tool] = []
    add_special: bool = False
    parse_special: bool = True

    def check(self) -> None:
        if bool(self.text) and bool(self.messages):
            raise InvalidRequest("tokenize takes text or messages, not both", field="text")


class Tokenized(Event, frozen=True, kw_only=True, tag="tokenized"):
    """The ids, and the text that was tokenised (the rendered prompt, for messages)."""

    tokens: list[int]
    text: str


class Detokenize(ModelOperation, frozen=True, kw_only=True, tag="detokenize"):
    """Token ids to text. Events: `Status`, then one `Detokenized`."""

    tokens: list[TokenId]


class Detokenized(Event, frozen=True, kw_only=True, tag="detokenized"):
    """The text."""

    text: str
