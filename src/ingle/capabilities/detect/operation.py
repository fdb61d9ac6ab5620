"""Detect: which language texts are in."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.events import ModelResult
from ingle.operations.guest_rules import Costless, Estimated, Overruled
from ingle.operations.operation import KeepAlive, ModelOperation

MOST_TEXTS = 4096
MOST_CHARACTERS = 4 << 20
MOST_LANGUAGES = 256

LanguageCode = Annotated[str, msgspec.Meta(pattern="^[a-z]{2,3}$")]


class Detect(ModelOperation, frozen=True, kw_only=True, tag="detect"):
    """Say which language texts are in. Answered by one `Detected`."""

    texts: Annotated[
        Annotated[list[str], msgspec.Meta(min_length=1, max_length=MOST_TEXTS)], Estimated()
    ]
    languages: Annotated[
        Annotated[list[LanguageCode], msgspec.Meta(max_length=MOST_LANGUAGES)],
        Costless("fewer to choose from"),
    ] = []
    """The ones that it may be; empty: any that the model knows."""
    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None

    def check(self) -> None:
        size = sum(len(text) for text in self.texts)
        if size > MOST_CHARACTERS:
            raise InvalidRequest(
                f"texts: {size} characters; the limit of one request is {MOST_CHARACTERS}",
                field="texts",
            )


class LanguageGuess(msgspec.Struct, frozen=True, kw_only=True):
    """A language that a text may be in."""

    language: str
    probability: float


class Detected(ModelResult, frozen=True, kw_only=True, tag="detect.detected"):
    """The languages of the texts, in their order."""

    guesses: list[list[LanguageGuess]]
    """Of each text, the likeliest first; empty where there are no words."""
    characters: int = 0
