"""Comparing models, from Python: ``home.compare("qwen3:f16", ["qwen3:q4_k_m"])``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingle.capabilities.compare.operation import CompareModels, ModelsCompared
from ingle.capabilities.quantize.client import job_name
from ingle.client.methods import Methods
from ingle.errors import ProtocolError


class CompareMethods(Methods):
    """Methods of `AsyncHome`."""

    async def compare_models(
        self,
        model: str,
        others: Sequence[str],
        data: Sequence[str | Path] = (),
        *,
        name: str = "",
        **options: Any,
    ) -> ModelsCompared:
        """Measure how far quantisations of a model are from it; waits until that is done.

        Args:
            model: the original, or what comes nearest to it.
            data: text files; none: the text that comes with ingle.
            name: of the job.
            options: as fields of `CompareModels`: ``ctx_size``, ``chunks``, ...
        """
        request = CompareModels(
            name=name or job_name(model, "compare"),
            model=model,
            others=list(others),
            data=[str(Path(file).expanduser().resolve()) for file in data],
            **options,
        )
        found: ModelsCompared | None = None
        async for event in self.events(request):
            if isinstance(event, ModelsCompared):
                found = event
        if found is None:
            raise ProtocolError("the job did not come to its end")
        return found
