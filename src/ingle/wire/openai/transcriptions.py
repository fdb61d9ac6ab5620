"""``/v1/audio/transcriptions`` and ``/translations`` (API reference, "Audio"): form to operation,
events to the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from ingle.capabilities.transcribe.operation import (
    TimedWord,
    Transcribe,
    Transcript,
    TranscriptSegment,
)
from ingle.errors import IngleError, InvalidRequest, ProtocolError
from ingle.operations import Event
from ingle.operations.blob import Blob
from ingle.wire import sse
from ingle.wire.openai.errors import failed_chunk
from ingle.wire.transcripts import FORMATS, written

JSON = "application/json"
DIARIZED = "diarized_json"
PLAIN = ("json", "verbose_json", DIARIZED)
RESPONSE_FORMATS = (*PLAIN, *FORMATS)
GRANULARITIES = ("segment", "word")
_TRUE, _FALSE = ("true", "1"), ("false", "0")

Fields = Mapping[str, Sequence[str]]


class TranscriptionRequest(NamedTuple):
    """What the client asked, and how it wants the answer."""

    operation: Transcribe
    response_format: str
    granularities: tuple[str, ...]
    stream: bool


def parse(fields: Fields, *, translate: bool = False) -> TranscriptionRequest:
    """A form's fields. The sound is not among them: see `with_sound`.

    Fields of OpenAI's that mean nothing here are passed over; ``hotwords`` (once for each),
    ``vad``, ``speakers``, ``speaker_model`` and ``on`` are ours.

    Raises:
        InvalidRequest: one has a wrong value; names it.
    """
    form = _one(fields, "response_format") or "json"
    if form not in RESPONSE_FORMATS:
        raise InvalidRequest(
            f"response_format: {form!r} is not one of {', '.join(RESPONSE_FORMATS)}",
            field="response_format",
        )
    granularities = _granularities(fields, form)
    stream = _flag(fields, "stream", False) and not translate
    if stream and (form not in PLAIN or form == DIARIZED):
        raise InvalidRequest(
            f"stream: {form} is not streamed; use response_format json", field="stream"
        )
    model = _one(fields, "model")
    if not model:
        raise InvalidRequest("model: which one is to listen?", field="model")
    operation = Transcribe(
        model=model,
        task="translate" if translate else "transcribe",
        language=_language(_one(fields, "language")),
        prompt=_one(fields, "prompt"),
        hotwords=[*fields.get("hotwords", ()), *fields.get("hotwords[]", ())],
        # OpenAI's 0 means what is None here: rising where the text repeats itself.
        temperature=_number(_one(fields, "temperature"), "temperature") or None,
        timestamps="word" if "word" in granularities else "segment",
        vad=_flag(fields, "vad", True),
        speakers=_speakers(_one(fields, "speakers"), form),
        speaker_model=_one(fields, "speaker_model"),
        on=_one(fields, "on"),
    )
    return TranscriptionRequest(operation, form, granularities, stream)


def with_sound(request: TranscriptionRequest, sound: Blob) -> Transcribe:
    """The operation, with the recording that it is about."""
    return msgspec.structs.replace(request.operation, sound=sound)


def answer(
    request: TranscriptionRequest, transcript: Transcript, segments: Sequence[TranscriptSegment]
) -> tuple[bytes, str]:
    """The body of the answer and its type."""
    if request.response_format in FORMATS:
        form = FORMATS[request.response_format]
        if request.response_format == "text":
            return f"{transcript.text}\n".encode(), form.content_type
        return written(segments, form).encode(), form.content_type
    if request.response_format == DIARIZED:
        content: dict[str, Any] = _diarized(transcript, segments)
    elif request.response_format == "json":
        content = {"text": transcript.text, "usage": _usage(transcript)}
    else:
        content = _verbose(request, transcript, segments)
    return sse.encode(content), JSON


class TranscriptionStream:
    """See `ingle.wire.dialect.EventStream`: ``transcript.text.delta``, then ``.done``."""

    content_type = sse.CONTENT_TYPE

    def __init__(self) -> None:
        self._any = False
        self._ended = False

    def add(self, event: Event) -> bytes:
        """A delta for each segment; the end with the transcript."""
        match event:
            case TranscriptSegment(final=True, text=text) if text.strip():
                said = text if self._any else text.lstrip()
                self._any = True
                return sse.data({"type": "transcript.text.delta", "delta": said})
            case Transcript():
                self._ended = True
                return sse.data(
                    {
                        "type": "transcript.text.done",
                        "text": event.text,
                        "usage": _usage(event),
                    }
                )
        return b""

    def end(self) -> bytes:
        """Nothing follows. Raises ProtocolError: the transcript did not come."""
        if not self._ended:
            raise ProtocolError("the transcript did not come to its end", hint="try again")
        return b""

    def fail(self, error: IngleError) -> bytes:
        """The error as the last event."""
        return failed_chunk(error)


def _verbose(
    request: TranscriptionRequest, transcript: Transcript, segments: Sequence[TranscriptSegment]
) -> dict[str, Any]:
    content: dict[str, Any] = {
        "task": request.operation.task,
        "language": transcript.language,
        "duration": transcript.duration_s,
        "text": transcript.text,
        "usage": _usage(transcript),
    }
    if "segment" in request.granularities:
        content["segments"] = [_segment(segment) for segment in segments]
    if "word" in request.granularities:
        content["words"] = [_word(word) for segment in segments for word in segment.words]
    return content


def _diarized(transcript: Transcript, segments: Sequence[TranscriptSegment]) -> dict[str, Any]:
    told = [
        {
            "id": f"seg_{segment.id}",
            "type": "transcript.text.segment",
            "start": segment.start,
            "end": segment.end,
            "speaker": segment.speaker,
            "text": segment.text,
        }
        for segment in segments
    ]
    return {
        "task": "transcribe",
        "duration": transcript.duration_s,
        "text": transcript.text,
        "segments": told,
        "usage": _usage(transcript),
    }


def _segment(segment: TranscriptSegment) -> dict[str, Any]:
    named = {"speaker": segment.speaker} if segment.speaker else {}
    return named | {
        "id": segment.id,
        "seek": round(segment.start * 100),
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": segment.tokens,
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }


def _word(word: TimedWord) -> dict[str, Any]:
    return {"word": word.text.strip(), "start": word.start, "end": word.end}


def _usage(transcript: Transcript) -> dict[str, Any]:
    return {"type": "duration", "seconds": round(transcript.heard_s)}


def _granularities(fields: Fields, form: str) -> tuple[str, ...]:
    name = "timestamp_granularities"
    given = (*fields.get(name, ()), *fields.get(f"{name}[]", ()))
    for value in given:
        if value not in GRANULARITIES:
            raise InvalidRequest(f"{name}: {value!r} is neither segment nor word", field=name)
    if given and form != "verbose_json":
        raise InvalidRequest(f"{name}: only with response_format verbose_json", field=name)
    return given or ("segment",)


def _speakers(given: str, form: str) -> int | Literal["auto"] | None:
    if not given:
        return "auto" if form == DIARIZED else None
    if given == "auto":
        return "auto"
    if not given.isdecimal():
        raise InvalidRequest(f"speakers: {given!r} is neither a number nor auto", field="speakers")
    return int(given)


def _language(given: str) -> str:
    """``en`` of ``en`` and of ``en-US``."""
    return given.lower().replace("_", "-").partition("-")[0]


def _one(fields: Fields, name: str) -> str:
    values = fields.get(name, ())
    return values[-1] if values else ""


def _flag(fields: Fields, name: str, otherwise: bool) -> bool:
    text = _one(fields, name).lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text:
        raise InvalidRequest(f"{name}: {text!r} is neither true nor false", field=name)
    return otherwise


def _number(text: str, name: str) -> float:
    try:
        return float(text or 0)
    except ValueError:
        raise InvalidRequest(f"{name}: {text!r} is not a number", field=name) from None
