"""The process that quantises a file."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

from ingle.capabilities.quantize.operation import FileToQuantize
from ingle.errors import DiskFull
from ingle.jobs import job_worker
from ingle.jobs.job_worker import SingleJobWorker
from ingle.operations import Event
from ingle.operations.job_events import JobNote, JobProgress
from ingle.quantize.file_quantization import FileProgress, Quantization
from ingle.quantize.file_types import file_type
from ingle.quantize.imatrix_file import read_imatrix
from ingle.quantize.tensor_layout import options_of

UNIT = "MiB"
TELL_S = 0.25
"""How often it is told how far it is."""


class QuantizeWorker(SingleJobWorker[FileToQuantize]):
    """Performs one job."""

    async def events(self) -> AsyncGenerator[Event, None]:
        """As `SingleJobWorker`."""
        quantization = await asyncio.to_thread(self._opened)
        for note in quantization.notes:
            yield JobNote(text=note)
        before, after = quantization.source.size, quantization.layout.size
        yield JobNote(
            text=f"{before / 2**20:,.1f} MiB become {after / 2**20:,.1f} MiB, "
            f"{quantization.bits_per_weight:.2f} bits per weight",
            state="running",
        )
        began, first = time.monotonic(), -1
        whole = after >> 20
        steps = quantization.write(Path(self.job.part), self.job.request.threads)
        while (step := await asyncio.to_thread(self._next, steps)) is not None:
            first = step.done if first < 0 else first
            done, passed = step.done - first, time.monotonic() - began
            left = (step.total - step.done) * passed / done if done else 0.0
            yield JobProgress(done=step.done >> 20, total=whole, unit=UNIT, left_s=round(left, 1))
        yield JobProgress(done=whole, total=whole, unit=UNIT)

    def _opened(self) -> Quantization:
        request = self.job.request
        return Quantization(
            Path(self.job.source),
            file_type(request.to),
            imatrix=read_imatrix(Path(request.imatrix)) if request.imatrix else None,
            options=options_of(request),
            requantize=request.allow_requantize,
        )

    def _next(self, steps: Iterator[FileProgress]) -> FileProgress | None:
        """How far it is after a moment's work; None: it is done."""
        due = time.monotonic() + TELL_S
        try:
            for step in steps:
                if self.stopping:
                    os._exit(0)
                if time.monotonic() >= due:
                    return step
        except OSError as error:
            raise DiskFull(
                f"the file could not be written: {error.strerror or error}",
                hint="free disk space: ingle df; then resume the job",
            ) from None
        return None


def main() -> None:
    """Entry point of the process."""
    job_worker.run(FileToQuantize, QuantizeWorker)


if __name__ == "__main__":
    main()
