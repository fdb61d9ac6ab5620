"""The process in which models read the same texts, to be compared."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import torch

from ingle.capabilities.compare.operation import (
    ComparedModel,
    MeanInterval,
    ModelsCompared,
    ModelsToCompare,
)
from ingle.jobs import job_worker
from ingle.jobs.job_worker import SingleJobWorker
from ingle.operations import Event
from ingle.operations.job_events import JobNote, JobProgress
from ingle.quantize.calibration import beginning_token
from ingle.quantize.calibration_texts import chunks_of, device_of, tokens_of
from ingle.quantize.comparison import (
    ChunkFigures,
    Interval,
    check_vocabularies,
    compared,
    interval,
)
from ingle.quantize.observed_decoder import ObservedDecoder

TOKENS = "tokens.npy"
PERCENTILES = (50, 90, 99, 100)


class CompareWorker(SingleJobWorker[ModelsToCompare]):
    """Performs one job. Each chunk's figures are written down, so a resumed job has them."""

    async def events(self) -> AsyncGenerator[Event, None]:
        """As `SingleJobWorker`."""
        request = self.job.request
        original, *others = map(Path, self.job.bases)
        for path, name in zip(others, self.job.names[1:], strict=True):
            await asyncio.to_thread(check_vocabularies, original, path, name)
        device = device_of(request.device)
        tokens = await tokens_of(
            self.node, self.job.names[0], self.job.data, Path(self.job.folder) / TOKENS
        )
        chunks = chunks_of(tokens, request.ctx_size, beginning_token(original))
        chunks = chunks[: request.chunks or None]
        decoders = await asyncio.to_thread(self._opened, device)
        yield JobNote(
            text=f"{len(decoders)} models read {len(chunks)} chunks of {request.ctx_size} "
            f"tokens, on {device}",
            state="running",
        )
        began, found, read = time.monotonic(), list[list[ChunkFigures]](), 0
        for number, chunk in enumerate(chunks):
            kept = Path(self.job.folder) / f"chunk-{number:05}.npz"
            if not kept.exists():
                await asyncio.to_thread(_keep, kept, decoders, chunk)
                read += 1
            found.append(_kept(kept))
            if self.stopping:
                os._exit(0)
            left = (len(chunks) - number - 1) * (time.monotonic() - began) / max(1, read)
            yield JobProgress(
                done=number + 1, total=len(chunks), unit="chunks", left_s=round(left, 1)
            )
        yield self._result(decoders, found, request.ctx_size - 1)

    def _opened(self, device: torch.device) -> list[ObservedDecoder]:
        return [ObservedDecoder(Path(base), device) for base in self.job.bases]

    def _result(
        self, decoders: list[ObservedDecoder], chunks: list[list[ChunkFigures]], places: int
    ) -> ModelsCompared:
        models = []
        for at, (name, decoder) in enumerate(zip(self.job.names, decoders, strict=True)):
            figures = [chunk[at] for chunk in chunks]
            tensors = decoder.weights.header.tensors
            size = sum(tensor.size for tensor in tensors)
            divergence = np.concatenate([each.divergence for each in figures])
            models.append(
                ComparedModel(
                    model=name,
                    size=size,
                    bits_per_weight=size * 8 / sum(tensor.elements for tensor in tensors),
                    perplexity=float(np.exp(interval([e.surprise for e in figures]).mean)),
                    divergence=_told(interval([e.divergence for e in figures])),
                    percentiles={
                        str(share): float(np.percentile(divergence, share)) for share in PERCENTILES
                    },
                    same_top=_told(interval([e.same for e in figures])),
                    among_five=_told(interval([e.among for e in figures])),
                )
            )
        return ModelsCompared(models=models, tokens=places * len(chunks), chunks=len(chunks))


def _keep(path: Path, decoders: list[ObservedDecoder], chunk: list[int]) -> None:
    figures = compared(decoders[0], decoders[1:], chunk)
    arrays = {
        f"{field}-{at}": values
        for at, each in enumerate(figures)
        for field, values in each._asdict().items()
    }
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, **arrays)
    part.replace(path)


def _kept(path: Path) -> list[ChunkFigures]:
    with np.load(path) as arrays:
        count = len(arrays.files) // len(ChunkFigures._fields)
        return [
            ChunkFigures(*(arrays[f"{field}-{at}"] for field in ChunkFigures._fields))
            for at in range(count)
        ]


def _told(found: Interval) -> MeanInterval:
    return MeanInterval(mean=found.mean, low=found.low, high=found.high)


def main() -> None:
    """Entry point of the process."""
    job_worker.run(ModelsToCompare, CompareWorker)


if __name__ == "__main__":
    main()
