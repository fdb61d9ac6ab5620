"""An answer from a collection in the terminal: as it is written, then its sources."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.collections.operation import (
    CollectionAnswer,
    SearchResult,
    SearchResults,
)
from ingle.cli.output import Output
from ingle.operations import Event, Status, Text


class AnswerOutput:
    """Takes the events of `AskCollection`."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.passages: list[SearchResult] = []
        self.answer: CollectionAnswer | None = None

    def add(self, event: Event) -> None:
        """Show an event."""
        match event:
            case SearchResults(results=results):
                self.passages = results
            case Status(state="prompt", detail=detail) if detail and self._output.terminal:
                self._output.note(f"reading {detail} ...")
            case Text(text=text) if not self._output.json:
                self._output.text(text, end="")
            case CollectionAnswer():
                self.answer = event
            case _:
                pass

    def end(self) -> None:
        """What is told once the answer is there."""
        answer = self.answer
        if answer is None:
            return
        if self._output.json:
            self._output.data({"answer": answer, "passages": self.passages})
            return
        self._output.text("" if answer.sentences else answer.text)
        lines = sources(self.passages, answer)
        if lines:
            self._output.text("\n" + "\n".join(lines))
        doubtful = [each.text for each in answer.sentences if not each.supported]
        if answer.found and doubtful:
            self._output.note("\nno passage bears out:")
            for text in doubtful:
                self._output.note(f"  [?] {' '.join(text.split())}")


def sources(passages: Sequence[SearchResult], answer: CollectionAnswer) -> list[str]:
    """A line for each passage that the answer cites."""
    cited = sorted({number for each in answer.sentences for number in each.citations})
    return [f"[{number}] {place_of(passages[number - 1])}" for number in cited]


def place_of(result: SearchResult) -> str:
    """Where a passage stands, in one line."""
    page = f", page {result.page}" if result.page else ""
    headings = f"  {' > '.join(result.headings)}" if result.headings else ""
    return f"{result.place}{page}{headings}"
