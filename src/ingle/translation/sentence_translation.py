"""Sentences through a model, so that all that is not language is in the translation again.

A model is given the whole sentence without its markup. Where what it writes has everything that was
to be kept, as often as the source has it, that is the translation; markup is put around the words
that the model writes for those that it is around when it is given them alone. Where that fails, the
stretches between are translated one by one, so that nothing can be lost; and where the model puts
something into a stretch that is not in the source, the stretch stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ingle.translation.blocks import Part
from ingle.translation.protected import names_in, numbers_in
from ingle.translation.sentences_of_prose import Sentence

TranslateLines = Callable[[Sequence[str]], list[str]]
"""Lines of one language in another: as many, in their order."""
Escape = Callable[[str], str]


class TranslatedSentence(NamedTuple):
    """A sentence in the other language, with the white space and markup around it."""

    text: str
    untranslated: bool = False
    """A part of it stands as it was."""


class _Run(NamedTuple):
    """Places of parts within a pair of marks."""

    open: int
    close: int


def translated(
    sentences: Sequence[Sentence], translate: TranslateLines, escape: Escape = str
) -> list[TranslatedSentence]:
    """Sentences in the other language, in their order.

    Args:
        translate: called twice at most, with all that can be translated at once.
        escape: words as they are written in the format.
    """
    asked: list[str] = []
    first: list[tuple[int, list[_Run]] | None] = []
    for sentence in sentences:
        if not sentence.parts or any(part.kind == "alone" for part in sentence.parts):
            first.append(None)
            continue
        runs = _runs(sentence.parts)
        first.append((len(asked), runs))
        asked.append(sentence.reading)
        asked += [_reading(sentence.parts[run.open + 1 : run.close]) for run in runs]
    answers = translate(asked) if asked else []
    whole: list[str | None] = []
    for sentence, place in zip(sentences, first, strict=True):
        if not sentence.parts:
            whole.append("")
        elif place is None:
            whole.append(None)
        else:
            at, runs = place
            inner = answers[at + 1 : at + 1 + len(runs)]
            whole.append(_checked(sentence.parts, answers[at], runs, inner, escape))
    return _with_pieces(sentences, whole, translate, escape)


def _with_pieces(
    sentences: Sequence[Sentence],
    whole: Sequence[str | None],
    translate: TranslateLines,
    escape: Escape,
) -> list[TranslatedSentence]:
    asked = [
        part.text.strip()
        for sentence, found in zip(sentences, whole, strict=True)
        if found is None
        for part in sentence.parts
        if _speaks(part)
    ]
    answers = iter(translate([" ".join(text.split()) for text in asked]) if asked else [])
    result = []
    for sentence, found in zip(sentences, whole, strict=True):
        if found is not None:
            result.append(TranslatedSentence(sentence.before + found + sentence.after))
            continue
        written, untranslated = [], False
        for place, part in enumerate(sentence.parts):
            if not _speaks(part):
                written.append(part.raw)
                continue
            before = part.text[: len(part.text) - len(part.text.lstrip())]
            after = part.text[len(part.text.rstrip()) :]
            answer = next(answers).strip()
            if not answer or not _stands_apart(sentence.parts, place, before + answer + after):
                untranslated = True
                written.append(part.raw)
                continue
            written.append(before + escape(answer) + after)
        text = sentence.before + "".join(written) + sentence.after
        result.append(TranslatedSentence(text, untranslated))
    return result


def _stands_apart(parts: Sequence[Part], place: int, written: str) -> bool:
    """Nothing in a stretch, nor where it meets what is kept beside it, is a placeholder more.

    ``$HOME: read`` may be translated by a word without the colon, which would be read as a part of
    the variable's name.
    """
    before = parts[place - 1].text if place else ""
    after = parts[place + 1].text if place + 1 < len(parts) else ""
    joined = before + written + after
    return names_in(joined) == names_in(before) + names_in(after) and numbers_in(
        joined
    ) >= numbers_in(before) + numbers_in(after)


def _speaks(part: Part) -> bool:
    return part.kind == "words" and any(sign.isalpha() for sign in part.text)


def _reading(parts: Sequence[Part]) -> str:
    return " ".join("".join(part.text for part in parts).split())


def _runs(parts: Sequence[Part]) -> list[_Run]:
    opened, found = [], []
    for place, part in enumerate(parts):
        if part.kind == "open":
            opened.append(place)
        elif part.kind == "close":
            found.append(_Run(opened.pop(), place))
    return sorted(found)


def _checked(
    parts: Sequence[Part], answer: str, runs: Sequence[_Run], inner: Sequence[str], escape: Escape
) -> str | None:
    """A sentence's translation with its markup; None: something that has to be in it is not."""
    answer = answer.strip()
    if not answer or not _keeps(parts, answer):
        return None
    if not runs:
        return escape(answer)
    places: list[tuple[int, int]] = []
    for words in inner:
        place = _place(answer, words.strip())
        if place is None:
            return None
        places.append(place)
    if not _nested_alike(runs, places):
        return None
    marks: list[tuple[int, int, str]] = []
    for depth, (run, (start, end)) in enumerate(zip(runs, places, strict=True)):
        marks.append((start, depth, parts[run.open].raw))
        marks.append((end, -depth - len(runs) - 1, parts[run.close].raw))
    written, at = "", 0
    # At one place what closes goes before what opens, inner ones before outer ones.
    for where, _, raw in sorted(marks):
        written += escape(answer[at:where]) + raw
        at = where
    return written + escape(answer[at:])


def _keeps(parts: Sequence[Part], answer: str) -> bool:
    kept = Counter(part.text for part in parts if part.kind == "kept")
    names: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    for text, count in kept.items():
        for found, most in ((names_in(text), names), (numbers_in(text), numbers)):
            most.update({each: number * count for each, number in found.items()})
    return (
        names_in(answer) == names
        and numbers_in(answer) >= numbers
        and all(answer.count(text) >= count for text, count in kept.items())
    )


def _place(answer: str, words: str) -> tuple[int, int] | None:
    """Where words stand in a sentence, if they do so once."""
    words = words.rstrip(".。!?！？")
    lower, wanted = answer.lower(), words.lower()
    if not wanted or len(lower) != len(answer) or lower.count(wanted) != 1:
        return None
    start = lower.index(wanted)
    end = start + len(wanted)
    around = answer[start - 1 : start] + answer[end : end + 1]
    if any(sign.isalnum() for sign in around) and wanted.isascii():
        return None
    return start, end


def _nested_alike(runs: Sequence[_Run], places: Sequence[tuple[int, int]]) -> bool:
    """Marks are within each other in the translation as they are in the source, or apart."""
    for one in range(len(runs)):
        for other in range(one + 1, len(runs)):
            (start, end), (first, last) = places[one], places[other]
            if runs[other].close < runs[one].close:
                if not (start <= first and last <= end):
                    return False
            elif first < end and start < last:
                return False
    return True
