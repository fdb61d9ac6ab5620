"""CTranslate2 in a worker: opens folders of Marian models with their SentencePiece vocabularies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import ctranslate2
import sentencepiece

from ingle.engines.engine import LoadSpec, cores
from ingle.engines.opus.declaration import BEAMS, TOKENS_AT_ONCE
from ingle.engines.stop_signal import StopSignal
from ingle.engines.translators.translation_session import TranslationSession
from ingle.errors import EngineFault, InvalidRequest, ModelLoadFailed
from ingle.models.formats.ctranslate2_format import (
    SOURCE_PIECES,
    SOURCE_VOCABULARY,
    TARGET_PIECES,
)
from ingle.operations import DeviceInfo
from ingle.translation.language_tags import WITHOUT_SPACES, base, pair_of
from ingle.translation.line_fitting import fitted

MOST_TOKENS = 250
"""Source tokens of a sentence: half of what Marian models have places for."""
LONGEST_ANSWER = 3
"""Target tokens for each source token, and `SLACK` more."""
SLACK = 16
AT_ONCE = 16
_TARGET = re.compile(r">>([A-Za-z_]{2,12})<<")
"""Of models with several target languages: the token that says which."""
MOST_VOCABULARY = 8 << 20


class OpusEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "opus"

    def version(self) -> str:
        return str(ctranslate2.__version__)

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> TranslationSession:
        threads = spec.threads or cores()
        files = {role: Path(places[0]) for role, places in spec.files.items()}
        try:
            model = ctranslate2.Translator(
                spec.folder, device="cpu", inter_threads=1, intra_threads=threads
            )
            source = sentencepiece.SentencePieceProcessor(model_file=str(files[SOURCE_PIECES]))
            target = sentencepiece.SentencePieceProcessor(model_file=str(files[TARGET_PIECES]))
        except Exception as error:  # both raise bare ones
            raise ModelLoadFailed(
                f"CTranslate2 cannot load {spec.model}: {error}",
                hint=f"ingle verify {spec.model}",
                model=spec.model,
            ) from error
        targets = _targets(files.get("vocabulary") or files[SOURCE_VOCABULARY])
        translator = OpusTranslator(model, source, target, targets, spec.model)
        pair = None if targets else pair_of(spec.model)
        return TranslationSession(spec, translator, pair, {"device": "CPU"})


class OpusTranslator:
    """See `ingle.engines.translators.translation_session.LineTranslator`.

    Args:
        targets: languages of which one has to be named in front of each sentence; empty: it
            translates into one alone.
    """

    at_once = AT_ONCE

    def __init__(
        self, model: Any, source: Any, target: Any, targets: Sequence[str], name: str
    ) -> None:
        self._model = model
        self._source = source
        self._target = target
        self._targets = targets
        self._name = name

    def lines(self, lines: Sequence[str], source: str, target: str, stop: StopSignal) -> list[str]:
        begin = self._begin(target)
        between = "" if base(target) in WITHOUT_SPACES else " "
        parts: list[str] = []
        shares: list[list[bool]] = []
        for line in lines:
            cut = fitted(line, lambda text: len(self._source.encode(text)), MOST_TOKENS)
            parts += [part.text for part in cut]
            shares.append([part.space for part in cut])
        stop.check()
        written = iter(self._translated(parts, begin))
        return [
            "".join(next(written) + between * space for space in share).strip() for share in shares
        ]

    def close(self) -> None:
        """Free the weights."""
        self._model.unload_model()

    def _begin(self, target: str) -> list[str]:
        if not self._targets:
            return []
        fits = [each for each in self._targets if base(each) == base(target)]
        if not fits:
            raise InvalidRequest(
                f"to: {self._name} translates to {', '.join(self._targets[:12])}, not to {target}",
                field="to",
            )
        return [f">>{fits[0]}<<"]

    def _translated(self, parts: Sequence[str], begin: list[str]) -> list[str]:
        tokens = [[*begin, *self._source.encode(part, out_type=str)] for part in parts]
        if not tokens:
            return []
        try:
            found = self._model.translate_batch(
                tokens,
                beam_size=BEAMS,
                max_batch_size=TOKENS_AT_ONCE,
                batch_type="tokens",
                max_input_length=0,
                max_decoding_length=LONGEST_ANSWER * max(map(len, tokens)) + SLACK,
            )
        except (RuntimeError, ValueError) as error:
            raise EngineFault(f"CTranslate2 failed on a sentence: {error}") from error
        return [str(self._target.decode(each.hypotheses[0])) for each in found]


def _targets(vocabulary: Path) -> list[str]:
    with vocabulary.open("rb") as file:
        text = file.read(MOST_VOCABULARY).decode("utf-8", "replace")
    return sorted(set(_TARGET.findall(text)))
