"""A conversation whose answers come from a collection: each turn is searched for and cited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ingle.capabilities.collections.cli.answer_output import AnswerOutput, place_of
from ingle.capabilities.collections.operation import (
    AskCollection,
    CollectionAnswer,
    ListCollections,
)
from ingle.cli.output import Output
from ingle.errors import InvalidRequest
from ingle.operations import Message

if TYPE_CHECKING:
    from ingle.client.sync import Home

TAKEN = {"max_tokens": "max_tokens", "on": "model_on"}
"""Options of a chat that a question has, too, and how they are called there."""


class CollectionChat:
    """What ``/with`` and ``--with`` put in place of a plain turn.

    Raises:
        NotFound: there is no such collection.
    """

    def __init__(self, output: Output, home: Home, collection: str) -> None:
        for _ in home.events(ListCollections(collection=collection)):
            pass
        self.name = collection
        self._output = output
        self._home = home
        self._last: AnswerOutput | None = None

    def say(
        self, model: str, said: str, messages: Sequence[Message], fields: dict[str, Any]
    ) -> CollectionAnswer | None:
        """Answer one turn; the caller puts it into the conversation."""
        history = [each for each in messages if each.role in ("user", "assistant")]
        request = AskCollection(
            collection=self.name,
            question=said,
            model=model,
            history=history,
            rewrite=bool(history),
            **{TAKEN[name]: fields[name] for name in TAKEN if name in fields},
        )
        shown = AnswerOutput(self._output)
        for event in self._home.events(request):
            shown.add(event)
        shown.end()
        self._last = shown
        return shown.answer

    def sources(self) -> None:
        """Print the passages that the last answer was made from, whole.

        Raises:
            InvalidRequest: nothing was asked yet.
        """
        if self._last is None:
            raise InvalidRequest("nothing was asked of the collection yet", field="sources")
        for number, each in enumerate(self._last.passages, 1):
            self._output.text(f"[{number}] {place_of(each)}\n{each.text}\n")
