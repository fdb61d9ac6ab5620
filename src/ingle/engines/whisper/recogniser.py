"""`WhisperRecogniser`: one model, its weights shared by as many states as windows are heard."""

from __future__ import annotations

import ctypes
import queue
import threading
from typing import Any

import numpy as np

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.engines.engine import LoadSpec
from ingle.engines.recognition.prompt import prompt_of
from ingle.engines.recognition.recogniser import (
    Recognised,
    RecognisedSegment,
    Stop,
)
from ingle.engines.recognition.words import SpelledToken, words_of
from ingle.engines.whisper.whisper_cpp import FullParameters
from ingle.errors import CapabilityMissing, EngineFault, InvalidRequest, ModelLoadFailed
from ingle.sound.samples import RATE, Samples

LEAST = RATE + RATE // 10
"""Samples: whisper.cpp passes over what is shorter than 0.1 s, and hears little in what is shorter
than a second. Silence is put after it."""
WINDOW_S = 30.0
DETECTED = 30 * RATE
"""Samples of which the language is found out."""
PLAIN_S = 600.0
"""Of a recording that it cuts up by itself. Each piece is kept in memory as a spectrogram."""
PLACES_PER_SECOND = 50
LEAST_TOKENS, TOKENS_PER_SECOND = 12, 12
"""That are written of a live phrase at most: no one says more, but a model may repeat itself."""
SPARE_PLACES = 64
"""What is heard of the silence after a phrase: with more, Whisper repeats itself in it (measured:
docs/log/2026-11.md)."""
HUNDREDTHS = 100.0
"""whisper.cpp's times are hundredths of a second."""


class WhisperRecogniser:
    """See `ingle.engines.recognition.recogniser.Recogniser`."""

    most_s = WINDOW_S
    plain_s = PLAIN_S

    def __init__(self, whisper: ctypes.CDLL, context: int, spec: LoadSpec) -> None:
        self._whisper = whisper
        self._context = context
        self._model = spec.model
        self._idle: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._making = threading.Lock()
        self.multilingual = bool(whisper.whisper_is_multilingual(context))
        self._end_of_text = int(whisper.whisper_token_eot(context))
        self._most_places = int(whisper.whisper_n_audio_ctx(context))
        self._length = ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p)
        self._idle.put(self._state())  # what does not fit into memory is said while it loads

    def close(self) -> None:
        """Free the states and the weights. No window is being heard any more."""
        while not self._idle.empty():
            self._whisper.whisper_free_state(self._idle.get())
        self._whisper.whisper_free(self._context)

    def recognise(
        self,
        samples: Samples,
        operation: Transcribe,
        *,
        language: str,
        threads: int,
        stop: Stop,
        quick: bool = False,
    ) -> Recognised:
        self._check(operation, language)
        sound = np.ascontiguousarray(samples, np.float32)
        if len(sound) < LEAST:
            sound = np.concatenate((sound, np.zeros(LEAST - len(sound), np.float32)))
        state = self._taken()
        try:
            sure = 0.0
            if not language:
                language, sure = self._detected(state, sound, threads)
            parameters = self._parameters(operation, language, threads)
            self._hasten(parameters, len(samples), quick)
            # Asked between any two steps of the computation. Of the string in `stop`, C's own
            # strlen says whether it is empty, so no step waits for Python.
            parameters.abort_callback = self._length
            parameters.abort_callback_user_data = stop.address
            failed = self._whisper.whisper_full_with_state(
                self._context, state, parameters, sound.ctypes.data, len(sound)
            )
            if stop.requested:
                return Recognised(())
            if failed:
                raise EngineFault(f"whisper.cpp failed (code {failed})", code_of_engine=failed)
            segments = self._read(state, operation, language, len(samples) / RATE)
            return Recognised(segments, language, sure)
        finally:
            self._idle.put(state)

    def _detected(self, state: int, sound: Samples, threads: int) -> tuple[str, float]:
        """The language that is spoken, and how sure that is."""
        if not self.multilingual:
            return "en", 1.0
        whisper = self._whisper
        likely = (ctypes.c_float * (whisper.whisper_lang_max_id() + 1))()
        failed = whisper.whisper_pcm_to_mel_with_state(
            self._context, state, sound.ctypes.data, min(len(sound), DETECTED), threads
        )
        number = failed or whisper.whisper_lang_auto_detect_with_state(
            self._context, state, 0, threads, likely
        )
        if failed or number < 0:
            raise EngineFault(f"whisper.cpp cannot detect the language (code {number})")
        return whisper.whisper_lang_str(number).decode(), float(likely[number])

    def _hasten(self, parameters: FullParameters, samples: int, quick: bool) -> None:
        if quick:
            parameters.audio_ctx = self._places(samples)
            parameters.temperature_inc = 0.0  # it would be tried up to 26 times
            parameters.max_tokens = LEAST_TOKENS + TOKENS_PER_SECOND * samples // RATE

    def _parameters(self, operation: Transcribe, language: str, threads: int) -> FullParameters:
        parameters: FullParameters = self._whisper.whisper_full_default_params(0)
        parameters.n_threads = threads
        parameters.print_progress = parameters.print_timestamps = False
        parameters.suppress_nst = True  # brackets around noises: what Whisper's authors leave out
        parameters.language = language.encode()
        parameters.translate = operation.task == "translate"
        parameters.token_timestamps = operation.timestamps == "word"
        parameters.no_timestamps = operation.timestamps == "none"
        if operation.temperature is not None:
            parameters.temperature, parameters.temperature_inc = operation.temperature, 0.0
        if prompt := prompt_of(operation):
            parameters.initial_prompt = prompt.encode()
            parameters.carry_initial_prompt = True
        return parameters

    def _places(self, samples: int) -> int:
        """Of what the encoder hears, as much as the sound is long and a little more.

        It takes time for thirty seconds whatever it hears, unless it is told to hear less.
        """
        places = samples * PLACES_PER_SECOND // RATE + SPARE_PLACES
        return min(self._most_places, -(-places // 64) * 64)

    def _check(self, operation: Transcribe, language: str) -> None:
        if language and self._whisper.whisper_lang_id(language.encode()) < 0:
            raise InvalidRequest(
                f"language: {self._model} does not know {language!r}",
                hint="leave it out, and it is detected",
                field="language",
            )
        if self.multilingual:
            return
        if language not in ("", "en") or operation.task == "translate":
            raise CapabilityMissing(
                f"{self._model} was trained for English alone",
                hint="use a model whose name does not end in .en",
                model=self._model,
                capability="translate" if operation.task == "translate" else "language",
            )

    def _read(
        self, state: int, operation: Transcribe, language: str, most_s: float
    ) -> tuple[RecognisedSegment, ...]:
        count = self._whisper.whisper_full_n_segments_from_state(state)
        return tuple(
            self._segment(state, index, operation, language, most_s) for index in range(count)
        )

    def _segment(
        self, state: int, index: int, operation: Transcribe, language: str, most_s: float
    ) -> RecognisedSegment:
        whisper = self._whisper
        tokens = self._tokens(state, index)
        likely = [data.plog for data, _ in tokens]
        spelled = [
            SpelledToken(text, self._second(data.t0, most_s), self._second(data.t1, most_s), data.p)
            for data, text in tokens
        ]
        text = whisper.whisper_full_get_segment_text_from_state(state, index)
        start = self._second(whisper.whisper_full_get_segment_t0_from_state(state, index), most_s)
        end = self._second(whisper.whisper_full_get_segment_t1_from_state(state, index), most_s)
        return RecognisedSegment(
            start=start,
            end=max(start, end),
            text=text.decode(errors="replace"),
            words=words_of(spelled, language) if operation.timestamps == "word" else (),
            tokens=tuple(data.id for data, _ in tokens),
            avg_logprob=sum(likely) / len(likely) if likely else 0.0,
            no_speech_prob=whisper.whisper_full_get_segment_no_speech_prob_from_state(state, index),
            temperature=operation.temperature or 0.0,
        )

    def _second(self, hundredths: int, most_s: float) -> float:
        """A time within the window; what a model writes for one may be anything."""
        return min(max(0.0, hundredths / HUNDREDTHS), most_s)

    def _tokens(self, state: int, index: int) -> list[tuple[Any, bytes]]:
        """Of a segment, those that are text."""
        whisper = self._whisper
        found = []
        for place in range(whisper.whisper_full_n_tokens_from_state(state, index)):
            data = whisper.whisper_full_get_token_data_from_state(state, index, place)
            if data.id < self._end_of_text:
                text = whisper.whisper_full_get_token_text_from_state(
                    self._context, state, index, place
                )
                found.append((data, text or b""))
        return found

    def _taken(self) -> int:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return self._state()

    def _state(self) -> int:
        with self._making:
            state = self._whisper.whisper_init_state(self._context)
        if not state:
            raise ModelLoadFailed(
                f"whisper.cpp has no memory for another state of {self._model}", model=self._model
            )
        return int(state)
