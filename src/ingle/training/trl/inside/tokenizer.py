"""The base's tokeniser: read out of its GGUF file by transformers, once, and kept beside the
weights. The tokens that are learnt are the engine's; it decodes what was sampled, and knows the
tokens that end and pad."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import transformers

from ingle.errors import CapabilityMissing
from ingle.training.trl.trl_job import TrlJob

MARK = "tokenizer_config.json"


def of(job: TrlJob) -> Any:
    """The tokeniser of a job's base.

    Raises:
        CapabilityMissing: transformers cannot read it.
    """
    folder = Path(job.base)
    if (folder / MARK).exists():
        return transformers.AutoTokenizer.from_pretrained(job.base)
    gguf = Path(job.gguf)
    try:
        found = _read(gguf)
    except Exception as error:  # whatever its converters raise
        raise CapabilityMissing(
            f"transformers cannot read the tokeniser of {gguf.name}: {error}",
            hint="the same command without --backend trl",
        ) from error
    if os.environ.get("LOCAL_RANK", "0") == "0":
        _keep(found, folder)
    return found


def _read(gguf: Path) -> Any:
    """By a link in a folder of our own: transformers lists the file's folder, and where it lies
    other models may, which are not ours to see."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / gguf.name).symlink_to(gguf)
        return transformers.AutoTokenizer.from_pretrained(folder, gguf_file=gguf.name)


def _keep(tokenizer: Any, folder: Path) -> None:
    """Write it; the file that others look for last."""
    with tempfile.TemporaryDirectory(dir=folder) as part:
        tokenizer.save_pretrained(part)
        files = sorted(Path(part).iterdir(), key=lambda path: path.name == MARK)
        for file in files:
            shutil.move(file, folder / file.name)
