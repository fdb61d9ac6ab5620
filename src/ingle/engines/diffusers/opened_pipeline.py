"""Opening a pipeline. Importing this brings torch, transformers and diffusers along."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from safetensors import SafetensorError

from ingle.engines.diffusers.diffusers_painter import DiffusersPainter
from ingle.engines.engine import LoadSpec, cores
from ingle.errors import ModelLoadFailed
from ingle.models.formats.diffusers_format import DIFFUSERS as FORMAT
from ingle.models.formats.diffusers_format import INDEX, read_index

_HALF = ".fp16."
_USUAL_SIDE = 1024
_FAILURES = (
    OSError, ValueError, TypeError, KeyError, RuntimeError, AttributeError, AssertionError,
    ImportError, SafetensorError,
)  # fmt: skip
"""What diffusers and transformers raise for parts that do not fit together."""


def opened_pipeline(spec: LoadSpec) -> tuple[DiffusersPainter, str]:
    """A painter, and the device that it computes on.

    Raises:
        BadModelFile: a header is damaged.
        ModelLoadFailed: the parts do not fit together.
    """
    files = [(role, Path(path)) for role, paths in spec.files.items() for path in paths]
    facts = FORMAT.read(files)
    cls, _ = read_index(Path(spec.folder) / INDEX)
    _silence()
    torch.set_num_threads(spec.threads or cores())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    half = any(_HALF in Path(path).name for path in spec.weights)
    try:
        pipeline: Any = getattr(diffusers, cls).from_pretrained(
            spec.folder,
            torch_dtype=torch.bfloat16 if device == "cuda" else torch.float32,
            variant="fp16" if half else None,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    except _FAILURES as error:
        why = " ".join(str(error).split())[:500]
        raise ModelLoadFailed(
            f"diffusers cannot open {spec.model}: {type(error).__name__}: {why}",
            hint="pull the model again, or another one",
            model=spec.model,
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(device)
    side = facts.metadata.get("image size")
    drawn = side if isinstance(side, int) and side > 0 else _USUAL_SIDE
    return DiffusersPainter(pipeline, drawn, spec.model), device


def _silence() -> None:
    """Their progress and advice are for those who call them."""
    for library in (diffusers, transformers):
        loud: Any = library.utils.logging
        loud.set_verbosity_error()
        loud.disable_progress_bar()
    logging.getLogger("diffusers").setLevel(logging.ERROR)
