"""An imatrix, from Python: ``home.make_imatrix("qwen3:f16", "imatrix.gguf")``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingle.capabilities.imatrix.operation import MakeImatrix
from ingle.capabilities.quantize.client import job_name
from ingle.client.methods import Methods
from ingle.operations.job_events import JobSummary


class ImatrixMethods(Methods):
    """Methods of `AsyncHome`."""

    async def make_imatrix(
        self,
        model: str,
        out: str | Path,
        data: Sequence[str | Path] = (),
        *,
        name: str = "",
        **options: Any,
    ) -> JobSummary:
        """Have a model read texts, and write what its matrices are given; waits until it did.

        Args:
            out: a file, in llama.cpp's format.
            data: text files; none: the text that comes with ingle.
            name: of the job.
            options: as fields of `MakeImatrix`: ``ctx_size``, ``chunks``, ...
        """
        request = MakeImatrix(
            name=name or job_name(model, "imatrix"),
            model=model,
            out=str(Path(out).expanduser().resolve()),
            data=[str(Path(file).expanduser().resolve()) for file in data],
            **options,
        )
        return await self.finished(request)
