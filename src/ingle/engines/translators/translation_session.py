"""`TranslationSession`: texts and documents through whatever turns lines into another language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ingle.capabilities.translate.operation import (
    Translate,
    TranslatedText,
    Translation,
    TranslationProgress,
)
from ingle.engines.engine import Emit, Feed, LoadSpec
from ingle.engines.stop_signal import StopSignal
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import Operation
from ingle.translation.language_tags import means
from ingle.translation.text_translation import TextTranslation


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
            translate(operation, self._translator, source, target, emit, stop)
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


def translate(
    operation: Translate,
    translator: LineTranslator,
    source: str,
    target: str,
    emit: Emit,
    stop: StopSignal,
) -> None:
    """Perform a request: its events, from the first sentence to `Translation`."""

    def lines(asked: Sequence[str]) -> list[str]:
        stop.check()
        return translator.lines(asked, source, target, stop)

    glossary = {term.source: term.target for term in operation.glossary}
    translation = TextTranslation(lines, glossary, translator.at_once)
    total = sum(len(text) for text in operation.texts)
    done = sentences = untranslated = 0
    for index, text in enumerate(operation.texts):
        held, told = "", False
        for piece in translation.pieces(text, operation.format):
            held += piece.text
            done += piece.source
            sentences += piece.sentences
            untranslated += piece.untranslated
            if piece.sentences:
                emit(TranslatedText(index=index, text=held))
                emit(TranslationProgress(completed=done, total=total))
                held, told = "", True
        if held or not told:
            emit(TranslatedText(index=index, text=held))
    emit(
        Translation(
            to=target,
            source=source,
            characters=total,
            sentences=sentences,
            untranslated=untranslated,
        )
    )
