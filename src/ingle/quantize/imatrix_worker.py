"""The process that has a model read calibration texts."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import torch

from ingle.capabilities.imatrix.operation import TextsToRead
from ingle.jobs import job_worker
from ingle.jobs.job_worker import SingleJobWorker
from ingle.operations import Event
from ingle.operations.job_events import JobNote, JobProgress
from ingle.quantize.calibration import Calibration, batches, beginning_token
from ingle.quantize.calibration_texts import chunks_of, device_of, tokens_of
from ingle.quantize.imatrix_file import Imatrix, read_imatrix, write_imatrix
from ingle.quantize.observed_decoder import ObservedDecoder

MADE, TOKENS = "imatrix.gguf", "tokens.npy"
SUMS = "sums.gguf"
"""What was summed so far. Apart from the result, to which another imatrix may have been added."""
AT_ONCE = 4096
"""Tokens that are read together."""
SAVE_S = 20.0
"""How often what was summed is written down."""


class ImatrixWorker(SingleJobWorker[TextsToRead]):
    """Performs one job."""

    async def events(self) -> AsyncGenerator[Event, None]:
        """As `SingleJobWorker`."""
        request, base = self.job.request, Path(self.job.base)
        device = device_of(request.device)
        tokens = await tokens_of(
            self.node, self.job.model, self.job.data, Path(self.job.folder) / TOKENS
        )
        chunks = chunks_of(tokens, request.ctx_size, beginning_token(base))
        chunks = chunks[: request.chunks or None]
        added_to = await asyncio.to_thread(self._added_to)
        calibration = await asyncio.to_thread(self._opened, device)
        already = calibration.chunks
        yield JobNote(
            text=f"reads {len(chunks)} chunks of {request.ctx_size} tokens, on {device}",
            state="running",
        )
        began = saved = time.monotonic()
        rows = max(1, AT_ONCE // request.ctx_size)
        for some in batches(chunks[already:], rows):
            await asyncio.to_thread(calibration.read, some)
            now, done = time.monotonic(), calibration.chunks
            if self.stopping or now - saved > SAVE_S:
                await asyncio.to_thread(self._save, calibration)
                saved = now
            if self.stopping:
                os._exit(0)
            left = (len(chunks) - done) * (now - began) / (done - already)
            yield JobProgress(done=done, total=len(chunks), unit="chunks", left_s=round(left, 1))
        made = calibration.imatrix(self._datasets, request.ctx_size)
        await asyncio.to_thread(
            write_imatrix, Path(self.job.folder) / MADE, added_to.added(made) if added_to else made
        )

    @property
    def _datasets(self) -> list[str]:
        return [Path(file).name for file in self.job.data]

    def _opened(self, device: torch.device) -> Calibration:
        decoder = ObservedDecoder(Path(self.job.base), device)
        saved = Path(self.job.folder) / SUMS
        return Calibration(
            decoder,
            process_output=self.job.request.process_output,
            begun=read_imatrix(saved) if saved.exists() else None,
        )

    def _added_to(self) -> Imatrix | None:
        path = self.job.request.added_to
        return read_imatrix(Path(path)) if path else None

    def _save(self, calibration: Calibration) -> None:
        made = calibration.imatrix(self._datasets, self.job.request.ctx_size)
        write_imatrix(Path(self.job.folder) / SUMS, made)


def main() -> None:
    """Entry point of the process."""
    job_worker.run(TextsToRead, ImatrixWorker)


if __name__ == "__main__":
    main()
