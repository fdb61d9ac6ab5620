"""`TextTranslation`: a text of some format, sentence by sentence through a model."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ingle.translation.blocks import Block, Verbatim, plain_blocks
from ingle.translation.html_blocks import html_blocks
from ingle.translation.markdown_blocks import markdown_blocks
from ingle.translation.protected import TermPattern
from ingle.translation.sentence_translation import Escape, TranslateLines, translated
from ingle.translation.sentences_of_prose import Sentence, sentences

AT_ONCE = 32
"""Sentences that are given to a model together, if it takes as many."""
MOST_HELD = 1024
"""Stretches that wait for sentences between them."""


class TranslatedPiece(NamedTuple):
    """The next piece of a translation."""

    text: str
    source: int
    """Characters of the source that it stands for."""
    sentences: int = 0
    untranslated: int = 0


class TextTranslation:
    """Translates texts.

    Args:
        translate: lines through the model.
        glossary: terms, and what is written for each.
        at_once: sentences that the model is given together.
    """

    def __init__(
        self,
        translate: TranslateLines,
        glossary: Mapping[str, str] | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        self._translate = translate
        self._terms = TermPattern(glossary)
        self._at_once = at_once

    def pieces(self, text: str, form: str = "text") -> Iterator[TranslatedPiece]:
        """The translation of a text, as soon as each piece is there.

        Args:
            form: ``text``, ``markdown`` or ``html``.
        """
        escape: Escape = _escaped if form == "html" else str
        held: list[Sentence] = []
        asked = 0
        for sentence in self._sentences(text, form):
            held.append(sentence)
            asked += bool(sentence.parts)
            if asked == self._at_once or len(held) == MOST_HELD:
                yield from self._translated(held, escape)
                held, asked = [], 0
        yield from self._translated(held, escape)

    def texts(self, texts: Sequence[str], form: str) -> Iterator[list[TranslatedPiece]]:
        """The translations of many short texts, in their order; the model is given several at once.

        Args:
            form: as of `pieces`.
        """
        escape: Escape = _escaped if form == "html" else str
        held: list[Sentence] = []
        ends: list[int] = []
        for text in texts:
            held += self._sentences(text, form)
            ends.append(len(held))
            if len(held) >= self._at_once:
                yield from self._by_text(held, ends, escape)
                held, ends = [], []
        yield from self._by_text(held, ends, escape)

    def _by_text(
        self, held: Sequence[Sentence], ends: Sequence[int], escape: Escape
    ) -> Iterator[list[TranslatedPiece]]:
        pieces: list[TranslatedPiece] = []
        for at in range(0, len(held), self._at_once):
            pieces += self._translated(held[at : at + self._at_once], escape)
        for begin, end in zip([0, *ends], ends, strict=False):
            yield pieces[begin:end]

    def _sentences(self, text: str, form: str) -> Iterator[Sentence]:
        for block in self._blocks(text, form):
            if isinstance(block, Verbatim):
                yield Sentence(block.raw, (), "", len(block.raw))
            else:
                yield from sentences(block)

    def _translated(self, held: Sequence[Sentence], escape: Escape) -> Iterator[TranslatedPiece]:
        done = translated(held, self._translate, escape)
        for sentence, found in zip(held, done, strict=True):
            yield TranslatedPiece(
                found.text,
                sentence.size,
                bool(sentence.parts),
                bool(sentence.parts) and found.untranslated,
            )

    def _blocks(self, text: str, form: str) -> Iterator[Block]:
        if form == "markdown":
            return markdown_blocks(text, self._terms)
        if form == "html":
            return html_blocks(text, self._terms)
        return plain_blocks(text, self._terms)


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
