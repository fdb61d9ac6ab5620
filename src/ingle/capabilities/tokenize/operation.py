"""Tokenize, detokenize and count: exactly as the model would see it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations import AudioPart, Message, Tool
from ingle.operations.guest_rules import Costless, Estimated, Overruled
from ingle.operations.message import parts_of_kind, text_size
from ingle.operations.numbers import check_numbers
from ingle.operations.operation import Event, ModelOperation, TokenId

MOST_BYTES = 2**18
"""Of text that is tokenised at once. An engine cannot be told to stop, and cutting a text changes
its tokens in many vocabularies: so its work is what it does in less than half a second."""
MOST_CONVERSATION_BYTES = 2**20
"""The same of messages with their tools, which are counted whole: as much as large contexts hold.
Prose of this length takes half a second, the worst of texts two."""
MOST_IDS = 2**18
"""Tokens that are turned into text at once."""
IMAGE_TOKEN = -1
"""In place of each token of a picture or of sound, which has no id."""
SPECIAL = Costless("the text is read once, either way")


class Tokenize(ModelOperation, frozen=True, kw_only=True, tag="tokenize"):
    """Text, or a whole conversation rendered by the model's template, to token ids.

    The tokens of a conversation are those that a chat of the same fields has as its prompt.

    Events: `Status`, then one `Tokenized`.
    """

    template: Annotated[str, msgspec.Meta(max_length=65_536), Overruled("")] = ""
    """A chat template (Jinja) in place of the model's own, for this device's owner: the weights
    are loaded with it, beside those that are loaded with their own."""
    text: Annotated[str, Estimated()] = ""
    messages: Annotated[list[Message], Estimated()] = []
    tools: Annotated[list[Tool], Estimated()] = []
    tool_choice: Annotated[str, SPECIAL] = "auto"
    """As that of a chat."""
    think: Annotated[bool | None, SPECIAL] = None
    """Reasoning on, off, or as the model's template has it (None)."""
    template_options: Annotated[dict[str, Any], Estimated()] = {}
    """Extra variables for the chat template."""
    add_generation_prompt: Annotated[bool, SPECIAL] = True
    """False: the conversation is rendered with its last answer whole, and no other one begins."""
    add_special: Annotated[bool, SPECIAL] = False
    """Of a text: with the tokens that the model begins (and ends) its input with."""
    parse_special: Annotated[bool, SPECIAL] = True

    def needs(self) -> dict[str, int]:
        return {"sound in messages": 3} if parts_of_kind(self.messages, AudioPart) else {}

    def check(self) -> None:
        if bool(self.text) and bool(self.messages):
            raise InvalidRequest("tokenize takes text or messages, not both", field="text")
        check_numbers(self.template_options, "template_options")
        options = len(msgspec.msgpack.encode(self.template_options)) if self.template_options else 0
        size = len(self.text.encode()) + text_size(self.messages, self.tools) + options
        field, most = ("text", MOST_BYTES) if self.text else ("messages", MOST_CONVERSATION_BYTES)
        if size > most:
            raise InvalidRequest(
                f"{field}: {size} bytes were given; up to {most} are tokenised at once",
                hint="tokenise it in parts",
                field=field,
            )


class Tokenized(Event, frozen=True, kw_only=True, tag="tokenized"):
    """The ids, and the text that was tokenised (the rendered prompt, for messages)."""

    tokens: list[int]
    """`IMAGE_TOKEN` for each token of a picture or of sound."""
    text: str


class Detokenize(ModelOperation, frozen=True, kw_only=True, tag="detokenize"):
    """Token ids to text. Events: `Status`, then one `Detokenized`."""

    tokens: Annotated[list[TokenId], msgspec.Meta(max_length=MOST_IDS), Estimated()]


class Detokenized(Event, frozen=True, kw_only=True, tag="detokenized"):
    """The text."""

    text: str


class CountTokens(ModelOperation, frozen=True, kw_only=True, tag="count_tokens"):
    """How many tokens each of several texts has, by itself and without what a model adds.

    Events: `Status`, then one `TokenCounts`.
    """

    since = 2

    texts: Annotated[list[str], msgspec.Meta(min_length=1, max_length=8192), Estimated()]

    def check(self) -> None:
        size = sum(len(text.encode()) for text in self.texts)
        if size > MOST_BYTES:
            raise InvalidRequest(
                f"texts: {size} bytes were given; up to {MOST_BYTES} are tokenised at once",
                hint="count them in parts",
                field="texts",
            )


class TokenCounts(Event, frozen=True, kw_only=True, tag="token_counts"):
    """A number for each text, in their order."""

    counts: list[int]
