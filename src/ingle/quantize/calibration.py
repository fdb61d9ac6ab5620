"""An imatrix of a model: what each of its matrices is multiplied by on texts, column by column.

As ``tools/imatrix`` of llama.cpp: texts are one row of tokens that is cut into chunks, each begins
with the token that begins texts, and of each product the squares of the inputs are summed. Matrices
of blocks are looked at, and the output matrix only if asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ingle.errors import BadModelFile
from ingle.models.gguf import read_header
from ingle.quantize.imatrix_file import Imatrix, InputStatistics
from ingle.quantize.observed_decoder import ObservedDecoder


def beginning_token(model: Path) -> int | None:
    """The token that llama.cpp puts before texts for a model; None: none."""
    metadata = read_header(model).metadata
    token = metadata.get("tokenizer.ggml.bos_token_id")
    by_kind = metadata.get("tokenizer.ggml.model") == "llama"  # SentencePiece
    adds = metadata.get("tokenizer.ggml.add_bos_token", by_kind)
    return token if adds and isinstance(token, int) else None


class Calibration:
    """Sums over chunks.

    Args:
        decoder: the model; the closer to the original, the better.
        process_output: look at the output matrix, too.
        begun: what was summed before; it is added to.
    """

    def __init__(
        self,
        decoder: ObservedDecoder,
        *,
        process_output: bool = False,
        begun: Imatrix | None = None,
    ) -> None:
        self._decoder = decoder
        self._process_output = process_output
        self._squares: dict[str, Tensor] = {}
        self._counts: dict[str, Tensor] = {}
        self.chunks = begun.chunks if begun else 0
        for name, entry in begun.entries.items() if begun else ():
            self._squares[name] = torch.from_numpy(entry.squares.copy()).to(decoder.device)
            self._counts[name] = torch.from_numpy(entry.counts.copy()).to(decoder.device)

    def read(self, chunks: Sequence[Sequence[int]]) -> None:
        """Read some chunks together.

        Raises:
            BadModelFile: a matrix is given a value that is not a number.
        """
        decoder = self._decoder
        x = decoder.begin(chunks)
        for number in range(decoder.architecture.layers):

            def see(name: str, expert: int, given: Tensor, number: int = number) -> None:
                copies = decoder.architecture.copies(name) if expert >= 0 else 1
                self._add(f"blk.{number}.{name}.weight", max(expert, 0), copies, given)

            x = decoder.forward(number, x, see)
        if self._process_output:
            name = "token_embd.weight" if decoder.architecture.tied else "output.weight"
            self._add(name, 0, 1, decoder.final(x))
        self.chunks += len(chunks)

    def imatrix(self, datasets: Sequence[str], size: int) -> Imatrix:
        """What was summed so far.

        Raises:
            BadModelFile: a sum is not a number.
        """
        entries = {}
        for name, squares in self._squares.items():
            found = squares.cpu().numpy()
            if not np.isfinite(found).all():
                raise BadModelFile(
                    f"{name} is given values that are not numbers",
                    hint="fetch or convert the model again",
                    tensor=name,
                )
            entries[name] = InputStatistics(found, self._counts[name].cpu().numpy())
        return Imatrix(entries, list(datasets), self.chunks, size)

    def _add(self, name: str, expert: int, copies: int, given: Tensor) -> None:
        rows = given.reshape(-1, given.shape[-1]).float()
        if name not in self._squares:
            self._squares[name] = torch.zeros(copies, rows.shape[1], device=rows.device)
            self._counts[name] = torch.zeros(copies, device=rows.device)
        self._squares[name][expert] += rows.square().sum(0)
        self._counts[name][expert] += rows.shape[0]


def batches(chunks: Sequence[Sequence[int]], rows: int) -> Iterator[Sequence[Sequence[int]]]:
    """Some chunks at a time."""
    for at in range(0, len(chunks), rows):
        yield chunks[at : at + rows]
