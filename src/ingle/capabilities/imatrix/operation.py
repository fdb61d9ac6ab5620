"""An imatrix: of what matters most in each matrix of a model, as a job."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.job_events import JobOperation


class MakeImatrix(JobOperation, frozen=True, kw_only=True, tag="imatrix"):
    """Have a model read texts, and write down what its matrices are given.

    Events: `JobNote`, `JobProgress` in chunks, at last `JobEnded`, whose results name the ``file``.
    """

    model: Annotated[str, msgspec.Meta(max_length=512)] = ""
    """A GGUF model by its name. Not needed to resume."""
    data: Annotated[list[str], msgspec.Meta(max_length=1000)] = []
    """Text files; absolute. Empty: the text that comes with ingle."""
    out: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    """The file that is written, in llama.cpp's format; absolute."""
    added_to: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    """An imatrix of the same model, to which this one is added; absolute."""
    ctx_size: Annotated[int, msgspec.Meta(ge=16, le=65536)] = 512
    """Tokens of a chunk."""
    chunks: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How many at most; 0: all of the texts."""
    process_output: bool = False
    """Look at the output matrix, too."""
    device: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Such as ``cuda``; empty: the fastest that torch has."""

    def check(self) -> None:
        if not self.resume and not (self.model and self.out):
            raise InvalidRequest("model and out: both are required", field="model")


class TextsToRead(msgspec.Struct, frozen=True, kw_only=True):
    """What the reading process is given."""

    request: MakeImatrix
    model: str
    """Its name, of which texts become tokens."""
    base: str
    """Its file."""
    data: list[str]
    folder: str
    """The job's own."""
