"""`TranslationSession`: texts and documents through whatever turns lines into another language."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from ingle.capabilities.translate.operation import (
    Translate,
    TranslatedBytes,
    TranslatedText,
    Translation,
    TranslationProgress,
)
from ingle.engines.engine import Emit, Feed, LoadSpec
from ingle.engines.stop_signal import StopSignal
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import Operation
from ingle.translation.documents import read_document
from ingle.translation.documents.parsed_document import ParsedDocument
from ingle.translation.language_tags import means
from ingle.translation.text_translation import TextTranslation, TranslatedPiece

LARGEST_PIECE = 1 << 16
"""Bytes of a document in one event."""


class LineTranslator(Protocol):
    """An open model that puts lines into another language."""

    @property
    def at_once(self) -> int:
        """Sentences that it is best given together."""
        ...

    def lines(self, lines: Sequence[str], source: str, target: str, stop: StopSignal) -> list[str]:
        """Lines in the other language, in their order; none is cut short.

        Raises:
            Cancelled: the request has ended.
        """
        ...

    def close(self) -> None:
        """Free everything."""
        ...


class TranslationSession:
    """See `ingle.engines.engine.Session`.

    Args:
        pair: the languages that the model translates from and to; empty: it does not say.
    """

    def __init__(
        self,
        spec: LoadSpec,
        translator: LineTranslator,
        pair: tuple[str, str] | None,
        facts: dict[str, Any],
    ) -> None:
        self._spec = spec
        self._translator = translator
        self._pair = pair
        self._signals: dict[int, StopSignal] = {}
        """Of the requests under way, by the identity of their operation."""
        self.facts = facts

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        if not isinstance(operation, Translate):
            raise CapabilityMissing(
                f"{type(operation).__name__}: this model can only translate",
                capability="translate",
            )
        source, target = checked_pair(operation, self._spec.model, self._pair)
        stop = self._signals[id(operation)] = StopSignal()
        try:
            translate(operation, self._translator, source, target, emit, stop, self._spec.inbox)
        finally:
            del self._signals[id(operation)]

    def stop(self, operation: Operation) -> None:
        """See `ingle.engines.engine.Stoppable`."""
        signal = self._signals.get(id(operation))
        if signal is not None:
            signal.set()

    def close(self) -> None:
        self._translator.close()


def checked_pair(operation: Translate, model: str, pair: tuple[str, str] | None) -> tuple[str, str]:
    """The languages of a request, as the model has them.

    Raises:
        InvalidRequest: the model translates from or to another language.
    """
    if pair is None:
        return operation.source, operation.to
    for field, wanted, known in (
        ("source", operation.source, pair[0]), ("to", operation.to, pair[1]),
    ):  # fmt: skip
        if wanted and not means(wanted, known):
            raise InvalidRequest(
                f"{field}: {model} translates from {pair[0]} to {pair[1]}, not "
                f"{'from' if field == 'source' else 'to'} {wanted}",
                hint="ingle translate --to LANGUAGE without a model takes one that fits",
                field=field,
                pair=list(pair),
            )
    return pair


class _Counted:
    """What was translated so far."""

    def __init__(self, total: int, emit: Emit) -> None:
        self._total = total
        self._emit = emit
        self.done = self.sentences = self.untranslated = 0

    def add(self, piece: TranslatedPiece) -> None:
        """The next piece."""
        self.done += piece.source
        self.sentences += piece.sentences
        self.untranslated += piece.untranslated

    def tell(self) -> None:
        """How far it is."""
        self._emit(TranslationProgress(completed=self.done, total=self._total))


def translate(
    operation: Translate,
    translator: LineTranslator,
    source: str,
    target: str,
    emit: Emit,
    stop: StopSignal,
    inbox: str = "",
) -> None:
    """Perform a request: its events, from the first sentence to `Translation`.

    Args:
        inbox: the folder in which a document lies, under its hash.
    """

    def lines(asked: Sequence[str]) -> list[str]:
        stop.check()
        return translator.lines(asked, source, target, stop)

    glossary = {term.source: term.target for term in operation.glossary}
    translation = TextTranslation(lines, glossary, translator.at_once)
    if operation.document is not None:
        data = (Path(inbox) / operation.document.sha256).read_bytes()
        counted = _document(read_document(data, operation.format, operation.to), translation, emit)
    else:
        counted = _texts(operation, translation, emit)
    emit(
        Translation(
            to=target,
            source=source,
            characters=counted.done,
            sentences=counted.sentences,
            untranslated=counted.untranslated,
        )
    )


def _texts(operation: Translate, translation: TextTranslation, emit: Emit) -> _Counted:
    counted = _Counted(sum(len(text) for text in operation.texts), emit)
    for index, text in enumerate(operation.texts):
        held, told = "", False
        for piece in translation.pieces(text, operation.format):
            held += piece.text
            counted.add(piece)
            if piece.sentences:
                emit(TranslatedText(index=index, text=held))
                counted.tell()
                held, told = "", True
        if held or not told:
            emit(TranslatedText(index=index, text=held))
    return counted


def _document(document: ParsedDocument, translation: TextTranslation, emit: Emit) -> _Counted:
    counted = _Counted(sum(map(len, document.texts)), emit)
    written: list[str] = []
    for pieces in translation.texts(document.texts, document.form):
        for piece in pieces:
            counted.add(piece)
        written.append("".join(piece.text for piece in pieces))
        counted.tell()
    data = document.written(written)
    for at in range(0, len(data), LARGEST_PIECE):
        emit(TranslatedBytes(data=data[at : at + LARGEST_PIECE]))
    return counted
