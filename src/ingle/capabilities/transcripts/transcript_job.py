"""Transcripts as a kind of job: what is in a job's folder, and how one is resumed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from ingle.capabilities.jobs.starting import started
from ingle.capabilities.transcribe.operation import (
    DetectedLanguage,
    Transcribe,
    Transcript,
    TranscriptProgress,
    TranscriptSegment,
)
from ingle.capabilities.transcripts.journal import Journal
from ingle.capabilities.transcripts.operation import MakeTranscript
from ingle.errors import DiskFull, InvalidRequest, ProtocolError
from ingle.jobs.kind import JobKind, Work
from ingle.models.links import link_or_copy
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Event, Operation
from ingle.operations.blob import Blob
from ingle.operations.job_events import JobNote, JobProgress

SOUND, JOURNAL, RESULT = "sound", "segments.jsonl", "transcript.json"
UNIT = "seconds"


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """Begin a transcript, or resume one."""
    assert isinstance(operation, MakeTranscript)
    async with contextlib.aclosing(started(node, KIND, operation, caller)) as events:
        async for event in events:
            yield event


async def _start(work: Work, request: MakeTranscript) -> AsyncGenerator[Event, None]:
    """Check the request and keep the recording; the events of the job.

    Raises:
        NotFound: the recording is not in the node.
        ModelNotFound: there is no such model.
    """
    asked = request.asked
    if asked is None or asked.sound is None:
        raise InvalidRequest("asked: a job transcribes a recording", field="asked")
    work.node.store.resolve(asked.model)
    if not (work.folder / SOUND).exists():
        work.node.blobs.path(work.principal, asked.sound.sha256)
    return _events(work, asked)


async def _events(work: Work, asked: Transcribe) -> AsyncGenerator[Event, None]:
    sound = asked.sound
    assert sound is not None
    blob = await asyncio.to_thread(_kept, work, sound)
    with contextlib.closing(_opened(work.folder / JOURNAL)) as journal:
        yield JobNote(text=f"transcribing {sound.name or 'a recording'}", state="running")
        if journal.language:
            yield DetectedLanguage(language=journal.language)
        for segment in list(journal.segments):
            yield segment
        transcript: Transcript | None = None
        async with contextlib.aclosing(_heard(work, asked, blob, journal)) as events:
            async for event in events:
                if isinstance(event, Transcript):
                    transcript = event
                else:
                    yield event
        if transcript is None:
            raise ProtocolError("the transcript did not come to its end", hint="try again")
        result = work.folder / RESULT
        await asyncio.to_thread(_write, result, journal, transcript)
    await asyncio.to_thread(_forget, work, blob)
    yield work.ended("done", transcript=str(result))


async def _heard(
    work: Work, asked: Transcribe, blob: Blob, journal: Journal
) -> AsyncGenerator[Event, None]:
    """The rest of the recording, kept as it comes."""
    first = asked.first_id + len(journal.segments)
    rest = msgspec.structs.replace(
        asked,
        sound=blob,
        start_s=max(asked.start_s, journal.position_s),
        first_id=first,
        language=asked.language or journal.language,
    )
    began, start = time.monotonic(), rest.start_s
    async with work.node.perform_for(work.principal, rest) as events:
        async for event in events:
            match event:
                case TranscriptSegment() | DetectedLanguage():
                    journal.add(event)
                    yield event
                case TranscriptProgress():
                    journal.add(event)
                    yield event
                    yield _progress(event, time.monotonic() - began, event.position_s - start)
                case _:
                    yield event


def _kept(work: Work, sound: Blob) -> Blob:
    """The recording, as it lies in the job's folder, and as a blob of the node.

    Blobs that were not used for a while are deleted; a job's recording is not.
    """
    kept = work.folder / SOUND
    if not kept.exists():
        link_or_copy(work.node.blobs.path(work.principal, sound.sha256), kept)
    return work.node.blobs.adopt(work.principal, kept, sound.name)


def _progress(event: TranscriptProgress, passed_s: float, done_s: float) -> JobProgress:
    left = event.duration_s - event.position_s
    return JobProgress(
        done=round(event.position_s),
        total=round(event.duration_s),
        unit=UNIT,
        left_s=left * passed_s / done_s if done_s > 0 and left > 0 else 0.0,
    )


def _opened(path: Path) -> Journal:
    try:
        return Journal(path)
    except OSError as error:
        raise DiskFull(f"{path}: {error.strerror}", hint="ingle df") from None


def _write(path: Path, journal: Journal, transcript: Transcript) -> None:
    text = "".join(segment.text for segment in journal.segments).strip()
    whole = {
        "model": transcript.model,
        "digest": transcript.digest,
        "language": transcript.language or journal.language,
        "duration": transcript.duration_s,
        "text": text,
        "segments": journal.segments,
    }
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(msgspec.json.encode(whole) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _forget(work: Work, blob: Blob) -> None:
    """The recording is not needed any more."""
    (work.folder / SOUND).unlink(missing_ok=True)
    work.node.blobs.forget(work.principal, blob.sha256)


KIND = JobKind(
    name="transcripts",
    operation=MakeTranscript,
    start=_start,
    noun="transcript",
)
