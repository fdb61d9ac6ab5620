"""Quantising, from Python: ``home.quantize("llama3:8b-f16", "Q4_K_M")``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ingle.capabilities.quantize.operation import QuantizeModel
from ingle.client.methods import Methods
from ingle.operations.job_events import JobSummary


class QuantizeMethods(Methods):
    """Methods of `AsyncHome`."""

    async def quantize(
        self,
        model: str,
        to: str,
        *,
        made: str = "",
        out: str | Path = "",
        imatrix: str | Path = "",
        name: str = "",
        **options: Any,
    ) -> JobSummary:
        """Make a model with fewer bits of one that is here; waits until it is there.

        Args:
            to: a type of files such as ``Q4_K_M``.
            made: its name; by default the model's with the type behind.
            out: a file to write in place of a model of the store.
            name: of the job.
            options: as fields of `QuantizeModel`: ``pure``, ``tensor_types``, ...
        """
        request = QuantizeModel(
            name=name or job_name(model, to),
            model=model,
            to=to,
            made=made,
            out=str(Path(out).expanduser().resolve()) if out else "",
            imatrix=str(Path(imatrix).expanduser().resolve()) if imatrix else "",
            **options,
        )
        return await self.finished(request)


def job_name(model: str, to: str) -> str:
    """Of the job that quantises a model, where no one says another."""
    letters = "".join(c if c.isalnum() or c in "._-" else "-" for c in f"{model}-{to.lower()}")
    return letters.strip(".-_")[-64:].strip(".-_") or "quantize"
