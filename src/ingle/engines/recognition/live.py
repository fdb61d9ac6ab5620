"""Transcribing sound while it comes: phrases are found, written down as they grow, and ended.

One thread takes pieces and finds phrases, another one hears them, so that sound is never kept
waiting. A phrase is heard again now and then while it grows (events that are not final), and once
more in the first pause after it; when the pause has become long enough, that is the final text, and
nothing has to be computed any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from ingle.capabilities.transcribe.operation import (
    SpeechTurn,
    Transcribe,
    Transcript,
    TranscriptProgress,
    TranscriptSegment,
)
from ingle.engines.engine import Emit
from ingle.engines.recognition.recogniser import Recognised, Recogniser, Stop
from ingle.engines.recognition.recording import language_of, told, waited
from ingle.operations.operation import Bytes, Piece
from ingle.sound.pcm import RawSound
from ingle.sound.samples import RATE
from ingle.sound.speech import Speech, SpeechBounds, SpeechFinder
from ingle.sound.windows import Window, WindowPart

CLOSE_S = 0.1
"""Seconds by which the end of a phrase may be found late."""
PROGRESS_S = 1.0
"""Seconds of sound between two events that say how far it is."""


class _Hearing:
    """A phrase that is heard, or will be."""

    def __init__(self, speech: Speech, work: Future[Recognised], stop: Stop) -> None:
        self.speech = speech
        self.work = work
        self.stop = stop
        self.told = False
        """What it found was told, as not final."""

    def same(self, speech: Speech) -> bool:
        """It is of exactly this sound."""
        mine = self.speech
        return mine.start == speech.start and len(mine.samples) == len(speech.samples)


class LiveTranscription:
    """One stream of sound that is being transcribed.

    Args:
        threads: processors that it may use. It hears with half of them: the rest finds phrases, and
            a recogniser whose threads wait for each other is slowest where one of them has to wait
            for a processor.
    """

    def __init__(
        self, operation: Transcribe, recogniser: Recogniser, emit: Emit, threads: int
    ) -> None:
        self._operation = operation
        self._recogniser = recogniser
        self._emit = emit
        self._threads = max(1, threads // 2)
        self._language = operation.language
        self._guessed_language = ""
        """Of a phrase that has not ended: to find it out takes as long as to hear the phrase."""
        self._id = operation.first_id
        self._texts: list[str] = []
        self._sound = RawSound(operation.encoding, operation.rate)
        self._bounds = SpeechBounds(
            silence_s=operation.silence_ms / 1000,
            padding_s=min(0.2, operation.silence_ms / 2000),
            most_s=recogniser.most_s - 1,
        )
        self._finder = SpeechFinder(self._bounds)
        self._given = 0
        self._speech = 0
        self._told_s = 0.0
        self._partial_at = 0
        """The sample at which the phrase under way was heard last."""
        self._speaking = False
        self._guessed = False
        """Of the phrase under way a text was told that is not final."""
        self._hearing: _Hearing | None = None

    def perform(self, feed: Iterable[Piece]) -> None:
        """Emits everything, `Transcript` included.

        Raises:
            InvalidRequest: a sample is not a number.
            Cancelled: as raised by ``emit``; nothing is computed any more.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="phrase") as pool:
            try:
                for piece in feed:
                    if isinstance(piece, Bytes):
                        self._take(piece.data, pool)
                self._take(b"", pool, last=True)
            finally:
                self._drop()
        duration = round(self._given / RATE, 3)
        self._emit(
            Transcript(
                text="".join(self._texts).strip(),
                language=self._language,
                duration_s=duration,
                heard_s=duration,
                speech_s=round(self._speech / RATE, 3),
                segments=len(self._texts),
            )
        )

    def _take(self, data: bytes, pool: ThreadPoolExecutor, *, last: bool = False) -> None:
        samples = self._sound.add(data, last=last)
        self._given += len(samples)
        phrases = self._finder.add(samples)
        if last:
            phrases += self._finder.finish()
        for phrase in phrases:
            self._begin(phrase.start)
            self._end(phrase, pool)
        if self._finder.speaking and not last:
            under_way = self._finder.under_way()
            assert under_way is not None
            self._begin(under_way.start)
            self._guess(under_way, pool)
        self._tell_progress()

    def _begin(self, start: int) -> None:
        if not self._speaking:
            self._speaking = True
            self._partial_at = start
            self._emit(SpeechTurn(state="started", at_s=round(start / RATE, 3), id=self._id))

    def _guess(self, under_way: Speech, pool: ThreadPoolExecutor) -> None:
        """Hear the phrase under way, if it is time to and no one hears it just now."""
        hearing = self._hearing
        if hearing is not None and hearing.work.done() and not hearing.told:
            hearing.told = True
            self._tell(hearing, final=False)
        pausing = self._finder.pausing()
        if pausing is not None:
            if self._hearing is None or not self._hearing.same(pausing):
                self._drop()
                self._hearing = self._heard(pausing, pool, self._language)
            return
        every = self._operation.partial_ms
        if every is None or (self._hearing is not None and not self._hearing.work.done()):
            return
        if under_way.end - self._partial_at >= every * RATE // 1000:
            self._partial_at = under_way.end
            self._hearing = self._heard(under_way, pool, self._language or self._guessed_language)

    def _end(self, phrase: Speech, pool: ThreadPoolExecutor) -> None:
        """A phrase has ended: its final text."""
        self._speaking = False
        self._speech += len(phrase.samples)
        self._emit(SpeechTurn(state="ended", at_s=round(phrase.end / RATE, 3), id=self._id))
        hearing = self._hearing
        if hearing is None or not hearing.same(phrase):
            self._drop()
            hearing = self._hearing = self._heard(phrase, pool, self._language)
        self._tell(hearing, final=True)
        self._hearing = None
        self._id += 1
        self._guessed = False

    def _heard(self, speech: Speech, pool: ThreadPoolExecutor, language: str) -> _Hearing:
        stop = Stop()
        work = pool.submit(
            self._recogniser.recognise,
            speech.samples,
            self._operation,
            language=language,
            threads=self._threads,
            stop=stop,
            quick=True,
        )
        return _Hearing(speech, work, stop)

    def _drop(self) -> None:
        """Whatever is being heard is not wanted any more."""
        if self._hearing is not None:
            self._hearing.stop.request()
            self._hearing.work.cancel()
            self._hearing = None

    def _tell(self, hearing: _Hearing, *, final: bool) -> None:
        recognised = waited(hearing.work, self._beat)
        self._guessed_language = recognised.language or self._guessed_language
        segment = self._joined(hearing.speech, recognised)
        if final and segment.text:
            self._texts.append(segment.text)
            if not self._language and recognised.language:
                self._language = recognised.language
                self._emit(language_of(recognised))
        if segment.text or (final and self._guessed):
            self._guessed = not final
            self._emit(msgspec.structs.replace(segment, final=final))

    def _joined(self, speech: Speech, recognised: Recognised) -> TranscriptSegment:
        """All that was heard in a phrase, as one segment; without text where nothing was."""
        window = Window(speech.samples, (WindowPart(0, speech.start, len(speech.samples)),))
        # What begins where no one speaks any more, or takes no time, was made up.
        silent = len(speech.samples) / RATE - self._bounds.padding_s - CLOSE_S
        parts = [
            told(segment, window, self._id)
            for segment in recognised.segments
            if segment.text.strip() and segment.end > segment.start and segment.start < silent
        ]
        if not parts:
            return TranscriptSegment(id=self._id, start=window.start_s, end=window.end_s, text="")
        tokens = [token for part in parts for token in part.tokens]
        weights = [max(1, len(part.tokens)) for part in parts]
        likely = sum(p.avg_logprob * w for p, w in zip(parts, weights, strict=True)) / sum(weights)
        return msgspec.structs.replace(
            parts[0],
            end=parts[-1].end,
            text="".join(part.text for part in parts),
            words=[word for part in parts for word in part.words],
            tokens=tokens,
            avg_logprob=round(likely, 4),
        )

    def _beat(self) -> None:
        """Raises Cancelled once no one listens any more."""
        self._emit(TranscriptProgress(position_s=round(self._given / RATE, 3)))

    def _tell_progress(self) -> None:
        position = self._given / RATE
        if position - self._told_s >= PROGRESS_S:
            self._told_s = position
            self._beat()
