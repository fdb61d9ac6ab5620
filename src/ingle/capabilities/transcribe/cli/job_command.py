"""``ingle transcribe FILE --job NAME``: a recording as a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ingle.capabilities.jobs.cli.follow_job import attend
from ingle.capabilities.jobs.operation import PauseJob
from ingle.capabilities.transcribe.cli.position_line import PositionLine
from ingle.capabilities.transcribe.operation import (
    Transcribe,
    TranscriptProgress,
    TranscriptSegment,
)
from ingle.capabilities.transcripts.operation import MakeTranscript
from ingle.cli.command import flags, run
from ingle.cli.output import Output
from ingle.errors import InvalidRequest
from ingle.operations import Event
from ingle.operations.blob import Blob
from ingle.operations.events import Note
from ingle.operations.job_events import JobEnded
from ingle.wire.transcripts import FORMATS


def as_job(
    output: Output,
    recordings: list[Path],
    name: str,
    detach: bool,
    form: str,
    asked: dict[str, Any],
) -> None:
    """Begin it, show what is heard, or leave it to the node.

    Raises:
        InvalidRequest: there is more than one recording, or the job has no name.
    """
    if len(recordings) != 1 or not name:
        raise InvalidRequest(
            "--job takes one recording and a name", hint="ingle transcribe FILE --job NAME",
            field="job",
        )  # fmt: skip
    if asked.pop("on"):
        raise InvalidRequest("--job is done on this device", field="on")
    asked.pop("rate")
    asked.pop("encoding")
    hotwords = list(asked.pop("hotwords"))

    async def put() -> tuple[str, Blob]:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return home.settings.transcribe_model, await home.put_blob(recordings[0])

    usual, sound = run(put)
    asked["model"] = asked["model"] or usual
    request = MakeTranscript(
        name=name,
        detach=detach,
        asked=Transcribe(**asked, hotwords=hotwords, sound=sound),
    )
    place = 0
    written = FORMATS.get(form)
    with PositionLine(output, recordings[0].name) as line:

        def show(event: Event) -> None:
            nonlocal place
            match event:
                case TranscriptSegment() if written is not None:
                    output.text(written.segment(event, place), end="")
                    place += 1
                case TranscriptProgress():
                    line.show(event)
                case Note():
                    output.note(f"note: {event.message}")

        if written is not None and written.header:
            output.text(written.header, end="")
        last = attend(output, request, last=JobEnded, show=show, stop=PauseJob(name=name))
    if isinstance(last, JobEnded):
        if output.json or written is None:
            output.data(msgspec.to_builtins(last.job))
        else:
            output.note(
                f"{name}: {last.job.state} {last.job.results.get('transcript', '')}".strip()
            )
