"""The process in which models read the same texts, to be compared."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import numpy as np
import torch

from ingle.capabilities.compare.operation import (
    ComparedModel,
    CompareModels,
    MeanInterval,
    ModelsCompared,
    ModelsToCompare,
)
from ingle.errors import ProtocolError
from ingle.jobs import job_worker
from ingle.operations import Event, Operation
from ingle.operations.job_events import JobNote, JobProgress
from ingle.protocol.connection import Connection, PieceStream
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


class CompareWorker:
    """Performs one job. Each chunk's figures are written down, so a resumed job has them.

    Args:
        job: what the node wants.
    """

    def __init__(self, job: ModelsToCompare) -> None:
        self._job = job
        self._folder = Path(job.folder)
        self._node: Connection
        self._stopping = False
        self.idle = asyncio.Event()
        self.idle.set()

    def serve(self, node: Connection) -> None:
        """Take the connection to the node."""
        self._node = node

    def stop(self) -> None:
        """End after the chunk at hand."""
        self._stopping = True

    @asynccontextmanager
    async def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """As `Node.perform`."""
        if not isinstance(operation, CompareModels):
            raise ProtocolError("this process only compares models")
        async with aclosing(self._events()) as events:
            yield events

    async def _events(self) -> AsyncGenerator[Event, None]:
        self.idle.clear()
        try:
            request = self._job.request
            original, *others = map(Path, self._job.bases)
            for path, name in zip(others, self._job.names[1:], strict=True):
                await asyncio.to_thread(check_vocabularies, original, path, name)
            device = device_of(request.device)
            tokens = await tokens_of(
                self._node, self._job.names[0], self._job.data, self._folder / TOKENS
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
                kept = self._folder / f"chunk-{number:05}.npz"
                if not kept.exists():
                    await asyncio.to_thread(_keep, kept, decoders, chunk)
                    read += 1
                found.append(_kept(kept))
                if self._stopping:
                    os._exit(0)
                left = (len(chunks) - number - 1) * (time.monotonic() - began) / max(1, read)
                yield JobProgress(
                    done=number + 1, total=len(chunks), unit="chunks", left_s=round(left, 1)
                )
            yield self._result(decoders, found, request.ctx_size - 1)
        finally:
            self.idle.set()

    def _opened(self, device: torch.device) -> list[ObservedDecoder]:
        return [ObservedDecoder(Path(base), device) for base in self._job.bases]

    def _result(
        self, decoders: list[ObservedDecoder], chunks: list[list[ChunkFigures]], places: int
    ) -> ModelsCompared:
        models = []
        for at, (name, decoder) in enumerate(zip(self._job.names, decoders, strict=True)):
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
