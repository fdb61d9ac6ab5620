"""The Piper engine: phonemes and their numbers by piper-tts, the network by onnxruntime."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import piper

from ingle.capabilities.speak.operation import Speak
from ingle.engines.engine import LoadSpec
from ingle.engines.speech.onnx_voice import OnnxVoice, to_samples
from ingle.engines.speech.speech_session import SpeechSession
from ingle.engines.speech.voices import check_language
from ingle.engines.stop_signal import StopSignal
from ingle.errors import ModelLoadFailed
from ingle.models.facts import VoiceFacts
from ingle.models.formats.piper_format import PIPER_FORMAT
from ingle.models.json_file import read_object
from ingle.operations import DeviceInfo

QUIETEST = 1e-8
"""A sentence whose loudest sample is below this is silence, and is not made louder."""


class PiperEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "piper"

    def version(self) -> str:
        return importlib.metadata.version("piper-tts")

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> SpeechSession:
        config_path = Path(spec.files["config"][0])
        facts = PIPER_FORMAT.read([("weights", Path(spec.weights[0])), ("config", config_path)])
        network = OnnxVoice(spec)
        try:
            config = piper.PiperConfig.from_dict(read_object(config_path))
            voice = piper.PiperVoice(session=network, config=config)
        except Exception as error:  # it raises what Python does
            raise ModelLoadFailed(
                f"piper refuses {config_path.name}: {error!r}", model=spec.model
            ) from None
        return SpeechSession(PiperSynthesizer(voice, network, facts.voices), {"device": "CPU"})


class PiperSynthesizer:
    """See `ingle.engines.speech.speech_session.Synthesizer`."""

    first_characters = 100
    with_accent = ()

    def __init__(self, voice: Any, network: OnnxVoice, voices: Sequence[VoiceFacts]) -> None:
        self._voice = voice
        self._network = network
        self.voices = voices
        self.rate = int(voice.config.sample_rate)

    def check(self, operation: Speak, voice: VoiceFacts) -> None:
        check_language(operation, voice)

    def samples(
        self, text: str, voice: VoiceFacts, operation: Speak, stop: StopSignal
    ) -> Iterator[bytes]:
        config = self._voice.config
        scales = [config.noise_scale, config.length_scale / operation.speed, config.noise_w_scale]
        # What stands in double brackets would be read as phonemes.
        for phonemes in self._voice.phonemize(text.replace("[[", "[ [")):
            if not phonemes:
                continue
            numbers = self._voice.phonemes_to_ids(phonemes)
            inputs = {
                "input": np.array([numbers], dtype=np.int64),
                "input_lengths": np.array([len(numbers)], dtype=np.int64),
                "scales": np.array(scales, dtype=np.float32),
            }
            if config.num_speakers > 1:
                speaker = config.speaker_id_map.get(voice.name, config.default_speaker_id)
                inputs["sid"] = np.array([speaker], dtype=np.int64)
            sound = self._network.run(inputs, stop)
            loudest = float(np.max(np.abs(sound), initial=0.0))
            yield to_samples(sound, loudest=max(loudest, QUIETEST) if loudest else 1.0)

    def close(self) -> None:
        pass  # the network goes with the process
