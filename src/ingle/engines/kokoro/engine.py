"""The Kokoro engine: phonemes by espeak-ng, the network by onnxruntime.

The network takes the numbers of phonemes between two zeros, a style, which is a row of the voice's
table for their count, and a speed; it gives samples at 24 kHz.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime

from ingle.capabilities.speak.operation import Speak
from ingle.engines.engine import LoadSpec
from ingle.engines.espeak.espeak_library import EspeakLibrary, espeak
from ingle.engines.kokoro.english_phonemes import kokoro_phonemes
from ingle.engines.speech.onnx_voice import OnnxVoice, to_samples
from ingle.engines.speech.speech_session import SpeechSession
from ingle.engines.stop_signal import StopSignal
from ingle.errors import InvalidRequest, ModelLoadFailed
from ingle.models.facts import VoiceFacts
from ingle.models.formats.kokoro_format import (
    KOKORO_FORMAT,
    STYLE_WIDTH,
    are_apart,
    read_vocabulary,
)
from ingle.operations import DeviceInfo

RATE = 24_000
AT_ONCE = 200
"""Phonemes of one run, about twelve seconds: its memory grows by 1.3 MB for each."""
ESPEAK_VOICES = {
    "en-us": "en-us", "en-gb": "en-gb", "es": "es", "fr": "fr-fr", "hi": "hi", "it": "it",
    "ja": "ja", "pt-br": "pt-br", "zh": "cmn",
}  # fmt: skip
"""Languages that the model was trained on, and how espeak-ng calls them."""
_LATIN_READERS = ("ja", "zh")
"""Languages whose own letters espeak-ng does not read as the model was trained with."""
_HAN = re.compile(r"[\u2e80-\u2fdf\u3005-\u3007\u3400-\u9fff\uf900-\ufaff]")
_MARKS = re.compile(r"([;:,.!?—…\"()“”]+)")
_TOKEN_INPUTS = ("tokens", "input_ids")


class KokoroEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "kokoro"

    def version(self) -> str:
        return str(onnxruntime.__version__)

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> SpeechSession:
        library = espeak()
        files = [(role, Path(paths[0])) for role, paths in spec.files.items()]
        facts = KOKORO_FORMAT.read(files)
        network = OnnxVoice(spec)
        vocabulary = read_vocabulary(dict(files)["vocabulary"])
        styles = _styles([Path(path) for path in spec.files["voices"]])
        synthesizer = KokoroSynthesizer(network, library, vocabulary, styles, facts.voices)
        return SpeechSession(synthesizer, {"device": "CPU"})


class KokoroSynthesizer:
    """See `ingle.engines.speech.speech_session.Synthesizer`."""

    first_characters = 60
    with_accent = tuple(ESPEAK_VOICES)

    def __init__(
        self,
        network: OnnxVoice,
        library: EspeakLibrary,
        vocabulary: Mapping[str, int],
        styles: Mapping[str, Any],
        voices: Sequence[VoiceFacts],
    ) -> None:
        self._network = network
        self._library = library
        self._vocabulary = vocabulary
        self._styles = styles
        self.voices = voices
        self.rate = RATE
        self._tokens = next(name for name in _TOKEN_INPUTS if name in network.inputs)

    def check(self, operation: Speak, voice: VoiceFacts) -> None:
        if operation.language and _known(operation.language) is None:
            raise InvalidRequest(
                f"language: Kokoro speaks {', '.join(ESPEAK_VOICES)}, not {operation.language!r}",
                field="language",
            )

    def samples(
        self, text: str, voice: VoiceFacts, operation: Speak, stop: StopSignal
    ) -> Iterator[bytes]:
        language = _known(operation.language or voice.language) or "en-us"
        if language in _LATIN_READERS:
            if found := _HAN.search(text):
                raise InvalidRequest(
                    f"text: Kokoro is given phonemes by espeak-ng, which does not read "
                    f"Chinese characters: {found[0]}",
                    field="text",
                )
            language = language if re.search(r"[\u3040-\u30ff]", text) else "en-us"
        style = self._styles[voice.name]
        for numbers in self._numbers(text, language):
            inputs = {
                self._tokens: np.array([[0, *numbers, 0]], dtype=np.int64),
                "style": style[min(len(numbers), len(style) - 1)].reshape(1, STYLE_WIDTH),
                "speed": np.array([operation.speed], dtype=np.float32),
            }
            yield to_samples(_without_silence(self._network.run(inputs, stop)))

    def close(self) -> None:
        pass  # the network goes with the process

    def _numbers(self, text: str, language: str) -> Iterator[list[int]]:
        """The phonemes of a text, as many at once as the network takes."""
        numbers: list[int] = []
        for part in self._phonemes(text, language):
            found = [self._vocabulary[sign] for sign in part if sign in self._vocabulary]
            if numbers and len(numbers) + len(found) > AT_ONCE:
                yield numbers
                numbers = []
            while len(found) > AT_ONCE:
                yield found[:AT_ONCE]
                found = found[AT_ONCE:]
            numbers += found
        if any(number != self._vocabulary.get(" ") for number in numbers):
            yield numbers

    def _phonemes(self, text: str, language: str) -> Iterator[str]:
        """Phonemes clause by clause; punctuation stays, since it shapes the melody."""
        for part in _MARKS.split(text):
            if _MARKS.fullmatch(part):
                yield part
            elif part.strip():
                said = " ".join(self._library.phonemes(part, ESPEAK_VOICES[language]))
                said = re.sub(r"\([a-z-]+\)", "", said)  # where it changed its language
                if language.startswith("en"):
                    said = kokoro_phonemes(said, british=language == "en-gb")
                before = " " if part[0].isspace() else ""
                yield before + said.strip() + (" " if part[-1].isspace() else "")


def _known(language: str) -> str | None:
    """The language of the model that a tag means; None if there is none."""
    wanted = language.lower().replace("_", "-")
    if wanted in ESPEAK_VOICES:
        return wanted
    base = wanted.partition("-")[0]
    return next((name for name in ESPEAK_VOICES if name.partition("-")[0] == base), None)


def _styles(paths: Sequence[Path]) -> dict[str, Any]:
    """The tables of all voices, by name: a row of `STYLE_WIDTH` for each count of phonemes."""
    path = paths[0]
    if are_apart(paths):
        return {each.stem: np.fromfile(each, "<f4").reshape(-1, STYLE_WIDTH) for each in paths}
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {
                name: archive[name].astype(np.float32).reshape(-1, STYLE_WIDTH)
                for name in archive.files
            }
    except Exception as error:  # a damaged archive: it raises what zipfile and zlib do
        raise ModelLoadFailed(f"{path.name} cannot be read: {error!r}") from None


def _without_silence(sound: Any) -> Any:
    """Without the most of the silence that the network puts around each text."""
    loud = np.flatnonzero(np.abs(sound) > 0.005)
    if not loud.size:
        return sound[:0]
    return sound[max(0, loud[0] - RATE // 20) : loud[-1] + RATE // 5]
