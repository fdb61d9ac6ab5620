"""py3langid in a worker."""

from __future__ import annotations

import io
import lzma
import threading
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import py3langid
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from ingle.capabilities.detect.operation import Detect, Detected, LanguageGuess
from ingle.engines.engine import Emit, Feed, LoadSpec
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import DeviceInfo, Operation

SHOWN = 10
"""Guesses of a text at most."""
LOOKED_AT = 1 << 16
"""Characters of a text: more make no language likelier."""


class LangidEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "langid"

    def version(self) -> str:
        return str(py3langid.__version__)

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> LangidSession:
        place = Path(py3langid.__file__).parent / MODEL_FILE
        return LangidSession(_identifier(place))


class LangidSession:
    """See `ingle.engines.engine.Session`."""

    def __init__(self, identifier: Any) -> None:
        self._identifier = identifier
        self._lock = threading.Lock()
        self._known = {str(label) for label in identifier.labels}
        self.facts: dict[str, Any] = {"device": "CPU", "languages": len(self._known)}

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        if not isinstance(operation, Detect):
            raise CapabilityMissing(
                f"{type(operation).__name__}: this model can only detect languages",
                capability="detect",
            )
        unknown = [each for each in operation.languages if each not in self._known]
        if operation.languages and len(unknown) == len(operation.languages):
            raise InvalidRequest(
                f"languages: none of {', '.join(unknown[:8])} is known to langid",
                field="languages",
            )
        guesses = [self._guesses(text, operation.languages) for text in operation.texts]
        emit(Detected(guesses=guesses, characters=sum(map(len, operation.texts))))

    def close(self) -> None:
        pass  # the tables go with the process

    def _guesses(self, text: str, languages: Sequence[str]) -> list[LanguageGuess]:
        text = text[:LOOKED_AT]
        if not any(sign.isalpha() for sign in text):
            return []
        with self._lock:
            ranked = self._identifier.rank(text)
        wanted = set(languages) or self._known
        found = [(str(label), float(p)) for label, p in ranked if str(label) in wanted]
        total = sum(p for _, p in found) or 1.0
        best: dict[str, float] = {}
        for label, probability in found:  # a language in two scripts is there twice
            best[label] = best.get(label, 0.0) + probability / total
        ordered = sorted(best.items(), key=lambda each: -each[1])
        return [LanguageGuess(language=one, probability=p) for one, p in ordered[:SHOWN]]


def _identifier(path: Path) -> Any:
    """What py3langid's own loader makes, which writes a file on its way: a worker may write none.

    The layout: ``modelio.py`` of py3langid 0.4.
    """
    with lzma.open(path) as file:
        unpacked = io.BytesIO(file.read())
    with np.load(unpacked, allow_pickle=False) as data:
        return LanguageIdentifier(
            data["ptc"],
            data["pc"],
            data["classes"].tolist(),
            _numbers(data["nextmove"]),
            data["out_feat"].tolist(),
            norm_probs=True,
            tk_row=_numbers(data["nextmove_row"]),
        )


def _numbers(values: Any) -> array[int]:
    """Numbers that Python reads one by one."""
    found = array({2: "H", 4: "I", 8: "L"}[values.dtype.itemsize])
    found.frombytes(np.ascontiguousarray(values).tobytes())
    return found
