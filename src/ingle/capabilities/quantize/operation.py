"""Quantising: a model of the store in fewer bits, as a job."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.job_events import JobOperation

TypeName = Annotated[str, msgspec.Meta(max_length=32)]


class QuantizeModel(JobOperation, frozen=True, kw_only=True, tag="quantize"):
    """Make a model with fewer bits of one that is here.

    Events: `JobNote`, `JobProgress` in MiB of the new file, at last `JobEnded`, whose results name
    the ``model``, or the ``file``.
    """

    model: Annotated[str, msgspec.Meta(max_length=512)] = ""
    """A GGUF model by its name. Not needed to resume."""
    to: TypeName = ""
    """A type of files such as ``Q4_K_M``, as llama.cpp names them."""
    made: Annotated[str, msgspec.Meta(max_length=512)] = ""
    """What the new model is called; empty: the model's name with the type behind."""
    out: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    """A file that is written in place of a model of the store; absolute."""
    imatrix: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    """An imatrix file of the model; absolute."""
    pure: bool = False
    """All matrices get the type itself, without better ones for some."""
    leave_output_tensor: bool = False
    output_tensor_type: TypeName = ""
    token_embedding_type: TypeName = ""
    tensor_types: Annotated[list[tuple[str, TypeName]], msgspec.Meta(max_length=1000)] = []
    """Regular expressions, and the types of the tensors in whose names they are found."""
    allow_requantize: bool = False
    """The model may be quantised already, which loses more than starting from the original."""
    threads: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 0
    """0: one per processor."""

    def check(self) -> None:
        if self.resume:
            return
        for field in ("model", "to"):
            if not getattr(self, field):
                raise InvalidRequest(f"{field}: is required", field=field)
        if self.made and self.out:
            raise InvalidRequest(
                "out: name a model to make, or a file to write: one of the two", field="out"
            )


class FileToQuantize(msgspec.Struct, frozen=True, kw_only=True):
    """What the quantising process is given."""

    request: QuantizeModel
    source: str
    """The model's first file."""
    part: str
    """Where it writes."""
