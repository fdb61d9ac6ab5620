"""The process that has a model read calibration texts."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import numpy as np
import torch

from ingle.capabilities.imatrix.operation import MakeImatrix, TextsToRead
from ingle.capabilities.tokenize.operation import Tokenize, Tokenized
from ingle.errors import InvalidRequest, ProtocolError
from ingle.jobs import job_worker
from ingle.node.node import ask
from ingle.operations import Event, Operation
from ingle.operations.job_events import JobNote, JobProgress
from ingle.protocol.connection import Connection, PieceStream
from ingle.quantize.calibration import Calibration, batches, beginning_token, chunks_of
from ingle.quantize.imatrix_file import Imatrix, read_imatrix, write_imatrix
from ingle.quantize.observed_decoder import ObservedDecoder

MADE, TOKENS = "imatrix.gguf", "tokens.npy"
AT_ONCE = 4096
"""Tokens that are read together."""
SAVE_S = 20.0
"""How often what was summed is written down."""
PIECE = 256 << 10
"""Characters that are made tokens of at once."""


class ImatrixWorker:
    """Performs one job.

    Args:
        job: what the node wants.
    """

    def __init__(self, job: TextsToRead) -> None:
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
        """Write down what was summed, and end."""
        self._stopping = True

    @asynccontextmanager
    async def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """As `Node.perform`."""
        if not isinstance(operation, MakeImatrix):
            raise ProtocolError("this process only makes an imatrix")
        async with aclosing(self._events()) as events:
            yield events

    async def _events(self) -> AsyncGenerator[Event, None]:
        self.idle.clear()
        try:
            request, base = self._job.request, Path(self._job.base)
            tokens = await self._tokens()
            chunks = chunks_of(tokens, request.ctx_size, beginning_token(base))
            chunks = chunks[: request.chunks or None]
            added_to = await asyncio.to_thread(self._added_to)
            calibration = await asyncio.to_thread(self._opened)
            already = calibration.chunks
            yield JobNote(
                text=f"reads {len(chunks)} chunks of {request.ctx_size} tokens, "
                f"on {device(request)}",
                state="running",
            )
            began = saved = time.monotonic()
            rows = max(1, AT_ONCE // request.ctx_size)
            for some in batches(chunks[already:], rows):
                await asyncio.to_thread(calibration.read, some)
                now, done = time.monotonic(), calibration.chunks
                if self._stopping or now - saved > SAVE_S:
                    await asyncio.to_thread(self._save, calibration)
                    saved = now
                if self._stopping:
                    os._exit(0)
                left = (len(chunks) - done) * (now - began) / (done - already)
                yield JobProgress(
                    done=done, total=len(chunks), unit="chunks", left_s=round(left, 1)
                )
            made = calibration.imatrix(self._datasets, request.ctx_size)
            await asyncio.to_thread(
                write_imatrix, self._folder / MADE, added_to.added(made) if added_to else made
            )
        finally:
            self.idle.set()

    @property
    def _datasets(self) -> list[str]:
        return [Path(file).name for file in self._job.data]

    async def _tokens(self) -> list[int]:
        """Of all texts in a row, as the engine makes them; they are kept for a resumed job."""
        kept = self._folder / TOKENS
        if kept.exists():
            return [int(token) for token in np.load(kept)]
        found = list[int]()
        for file in self._job.data:
            try:
                text = Path(file).read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise InvalidRequest(
                    f"{file} is not a text in UTF-8: {error.reason} at byte {error.start}",
                    field="data",
                ) from None
            for piece in pieces(text):
                asked = Tokenize(model=self._job.model, text=piece)
                found += (await ask(self._node, asked, Tokenized)).tokens
        with kept.with_suffix(".part").open("wb") as part:
            np.save(part, np.array(found, dtype=np.int32))
        kept.with_suffix(".part").replace(kept)
        return found

    def _opened(self) -> Calibration:
        decoder = ObservedDecoder(Path(self._job.base), torch.device(device(self._job.request)))
        saved = self._folder / MADE
        return Calibration(
            decoder,
            process_output=self._job.request.process_output,
            begun=read_imatrix(saved) if saved.exists() else None,
        )

    def _added_to(self) -> Imatrix | None:
        path = self._job.request.added_to
        return read_imatrix(Path(path)) if path else None

    def _save(self, calibration: Calibration) -> None:
        made = calibration.imatrix(self._datasets, self._job.request.ctx_size)
        write_imatrix(self._folder / MADE, made)


def device(request: MakeImatrix) -> str:
    """Where torch is to compute."""
    if request.device:
        return request.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def pieces(text: str) -> list[str]:
    """A text in parts that end with a line, where there are lines."""
    found, at = list[str](), 0
    while at < len(text):
        end = at + PIECE
        if end < len(text):
            end = text.rfind("\n", at, end) + 1 or end
        found.append(text[at:end])
        at = end
    return found


def main() -> None:
    """Entry point of the process."""
    job_worker.run(TextsToRead, ImatrixWorker)


if __name__ == "__main__":
    main()
