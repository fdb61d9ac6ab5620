"""Transcribing a recording: decoded, cut into windows, heard by as many cores as there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from ingle.capabilities.transcribe.operation import (
    DetectedLanguage,
    TimedWord,
    Transcribe,
    Transcript,
    TranscriptProgress,
    TranscriptSegment,
)
from ingle.engines.engine import Emit
from ingle.engines.recognition.processors import Processors
from ingle.engines.recognition.recogniser import (
    Recognised,
    RecognisedSegment,
    Recogniser,
    Stop,
    compression_ratio,
)
from ingle.engines.recognition.speaker_network import SpeakerNetwork
from ingle.operations.events import Note
from ingle.sound import decode
from ingle.sound.samples import RATE, Samples
from ingle.sound.speakers import SpeakerTimeline, timeline
from ingle.sound.speech import Speech, SpeechBounds, SpeechFinder
from ingle.sound.windows import Window, windows

MISSING_S = 1.0
"""Seconds by which a recording may be shorter than it says without a word: encoders pad."""
HEARTBEAT_S = 0.05
"""How often the caller is looked for, while a window is heard."""


class RecordingTranscription:
    """One recording that is being transcribed.

    Args:
        processors: with more than one, several windows are heard at once. They are shared with
            other recordings.
        voices: tells speakers apart, where that is asked for.
    """

    def __init__(
        self,
        operation: Transcribe,
        recogniser: Recogniser,
        emit: Emit,
        processors: Processors,
        voices: SpeakerNetwork | None = None,
    ) -> None:
        self._voices = voices
        self._timeline: SpeakerTimeline | None = None
        self._operation = operation
        self._recogniser = recogniser
        self._emit = emit
        self._processors = processors
        self._language = operation.language
        self._id = operation.first_id
        self._texts: list[str] = []
        self._decoded = 0
        """Samples that have been decoded."""
        self._speech = 0
        """Of these, samples of speech."""
        self._progress = TranscriptProgress(position_s=operation.start_s)

    def perform(self, path: Path) -> None:
        """Emits everything, `Transcript` included.

        Raises:
            InvalidRequest: it is not a recording, or it ends before ``start_s``.
            Cancelled: as raised by ``emit``; nothing is computed any more.
        """
        name = self._operation.sound.name if self._operation.sound else ""
        if self._voices is not None:
            self._tell_apart(path, name, self._voices)
        with decode.opened(path, name) as recording:
            self._progress = TranscriptProgress(
                position_s=self._operation.start_s, duration_s=round(recording.duration_s, 3)
            )
            self._emit(self._progress)
            self._hear_all(self._windows(self._blocks(recording)))
            self._tell_damage(recording)
        self._end()

    def _tell_apart(self, path: Path, name: str, voices: SpeakerNetwork) -> None:
        """Go through the recording once to know who speaks when. Who asked is looked for meanwhile.

        It begins at the beginning also where only the rest is written down: names stay the same.
        """
        wanted = self._operation.speakers
        assert wanted is not None
        with decode.opened(path, name) as recording:
            stretches = _stretches(self._watched(recording.blocks()), SpeechFinder())
            self._timeline = timeline(stretches, voices.vector, wanted)

    def _watched(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        for block in blocks:
            self._emit(self._progress)
            yield block

    def _named(self, segment: TranscriptSegment) -> TranscriptSegment:
        """With who says it."""
        if self._timeline is None:
            return segment
        speaker = self._timeline.speaker(segment.start, segment.end)
        if speaker is None:
            return segment
        return msgspec.structs.replace(segment, speaker=speaker_name(speaker))

    def _tell_damage(self, recording: decode.Recording) -> None:
        if recording.missing_s >= MISSING_S:
            what = f"{recording.missing_s:.0f} s of the recording are missing or damaged"
        elif recording.damaged:
            what = f"{recording.damaged} damaged parts of the recording could not be decoded"
        else:
            return
        self._emit(Note(code="left_out", message=what, field="sound"))

    def _end(self) -> None:
        duration = self._decoded / RATE
        start = min(self._operation.start_s, duration)
        self._emit(TranscriptProgress(position_s=duration, duration_s=duration))
        self._emit(
            Transcript(
                text="".join(self._texts).strip(),
                language=self._language,
                duration_s=round(duration, 3),
                heard_s=round(duration - start, 3),
                speech_s=round(self._speech / RATE, 3),
                segments=len(self._texts),
            )
        )

    def _blocks(self, recording: decode.Recording) -> Iterator[Samples]:
        skipped = round(self._operation.start_s * RATE)
        for block in recording.blocks():
            before = self._decoded
            self._decoded += len(block)
            if self._decoded > skipped:
                yield block[max(0, skipped - before) :]

    def _windows(self, blocks: Iterable[Samples]) -> Iterator[Window]:
        start = round(self._operation.start_s * RATE)
        if not self._operation.vad:
            plain = self._recogniser.plain_s
            yield from windows(self._counted(_cut(blocks, start, plain)), plain)
            return
        bounds = SpeechBounds(most_s=self._recogniser.most_s - 1)
        stretches = _stretches(blocks, SpeechFinder(bounds, start))
        yield from windows(self._counted(stretches), self._recogniser.most_s)

    def _counted(self, stretches: Iterable[Speech]) -> Iterator[Speech]:
        for speech in stretches:
            self._speech += len(speech.samples)
            yield speech

    def _hear_all(self, every: Iterator[Window]) -> None:
        """Windows at once on as many cores as there are; told in their order."""
        first = self._next(every)
        if first is None:
            return
        second = self._next(every)
        stop = Stop()
        lanes = self._processors.count if second is not None else 1
        with ThreadPoolExecutor(lanes, thread_name_prefix="window") as pool:
            try:
                every_one = self._processors.count
                self._tell(first, self._waited(self._heard(pool, first, every_one, stop)))
                self._rest(pool, second, every, stop)
            finally:
                stop.request()

    def _rest(
        self,
        pool: ThreadPoolExecutor,
        second: Window | None,
        every: Iterator[Window],
        stop: Stop,
    ) -> None:
        under_way: deque[tuple[Window, Future[Recognised]]] = deque()
        window = second
        while window is not None or under_way:
            while window is not None and len(under_way) < self._processors.count + 1:
                under_way.append((window, self._heard(pool, window, 1, stop)))
                window = self._next(every)
            oldest, hearing = under_way.popleft()
            self._tell(oldest, self._waited(hearing))

    def _next(self, every: Iterator[Window]) -> Window | None:
        return next(every, None)

    def _heard(
        self, pool: ThreadPoolExecutor, window: Window, most: int, stop: Stop
    ) -> Future[Recognised]:
        language = self._language

        def hear() -> Recognised:
            with self._processors.taken(most, stop) as threads:
                if not threads:
                    return Recognised(())
                return self._recogniser.recognise(
                    window.samples, self._operation, language=language, threads=threads, stop=stop
                )

        return pool.submit(hear)

    def _waited(self, hearing: Future[Recognised]) -> Recognised:
        return waited(hearing, lambda: self._emit(self._progress))

    def _tell(self, window: Window, recognised: Recognised) -> None:
        if not self._language and recognised.language:
            self._language = recognised.language
            self._emit(language_of(recognised))
        for segment in recognised.segments:
            if segment.text.strip():
                self._texts.append(segment.text)
                self._emit(self._named(told(segment, window, self._id)))
                self._id += 1
        duration = max(self._progress.duration_s, round(window.end_s, 3))
        self._progress = TranscriptProgress(
            position_s=round(window.end_s, 3),
            duration_s=duration if self._progress.duration_s else 0.0,
        )
        self._emit(self._progress)


def speaker_name(number: int) -> str:
    """A, B, ..., Z, AA, AB, ..."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def waited(hearing: Future[Recognised], beat: Callable[[], None]) -> Recognised:
    """What was heard. Meanwhile ``beat`` is called often; it raises Cancelled once no one listens
    any more."""
    while True:
        try:
            return hearing.result(HEARTBEAT_S)
        except TimeoutError:
            if hearing.done():
                raise
            beat()


def language_of(recognised: Recognised) -> DetectedLanguage:
    """The event that tells it."""
    return DetectedLanguage(
        language=recognised.language, probability=round(recognised.language_probability, 4)
    )


def told(segment: RecognisedSegment, window: Window, number: int) -> TranscriptSegment:
    """A segment with the times of the recording."""
    return TranscriptSegment(
        id=number,
        start=round(window.second(segment.start), 3),
        end=round(window.second(segment.end, ending=True), 3),
        text=segment.text,
        words=[
            TimedWord(
                text=word.text,
                start=round(window.second(word.start), 3),
                end=round(window.second(word.end, ending=True), 3),
                probability=round(word.probability, 4),
            )
            for word in segment.words
        ],
        tokens=list(segment.tokens),
        avg_logprob=round(segment.avg_logprob, 4),
        compression_ratio=round(compression_ratio(segment.text), 4),
        no_speech_prob=round(segment.no_speech_prob, 4),
        temperature=round(segment.temperature, 2),
    )


def _stretches(blocks: Iterable[Samples], finder: SpeechFinder) -> Iterator[Speech]:
    for block in blocks:
        yield from finder.add(block)
    yield from finder.finish()


def _cut(blocks: Iterable[Samples], start: int, most_s: float) -> Iterator[Speech]:
    """All of the sound in stretches of equal length, whether someone speaks or not."""
    import numpy as np

    most = round(most_s * RATE)
    held: list[Samples] = []
    length = 0
    for block in blocks:
        held.append(block)
        length += len(block)
        if length >= most:
            whole = np.concatenate(held)
            yield Speech(start, whole[:most])
            start += most
            held, length = [whole[most:]], length - most
    if length:
        yield Speech(start, np.concatenate(held))
