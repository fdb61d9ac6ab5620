"""A chat template that lies beside weights which have none: ``chat_template.jinja``.

Weights that were converted by an old program, or from a model whose template was published later,
lack theirs; their repository or folder has it. It becomes one of the defaults of the model, as if
the owner had made a derived model of it, and so it is used, shown and sent on like any of those.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ingle.models import derived_model
from ingle.models.blobs import Blobs
from ingle.models.chat_template import is_go
from ingle.models.facts import Facts
from ingle.models.file_copy import Keep
from ingle.models.format import DEFAULTS
from ingle.models.formats.gguf_format import GGUF
from ingle.models.model import ModelFile
from ingle.operations import ModelDefaults

FILE = "chat_template.jinja"
MOST_BYTES = 1 << 20


def beside(weights: Path) -> str:
    """The template that lies in the folder of a file; empty if none does."""
    path = weights.with_name(FILE)
    try:
        return read(path) if path.is_file() else ""
    except OSError:  # not ours to read: the weights load without
        return ""


def read(path: Path) -> str:
    """A file's template; empty if the file is too large, no text, or no chat template in Jinja."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    fits = len(data) <= MOST_BYTES and "messages" in text and "{%" in text
    return text if fits and not is_go(text) else ""


def is_wanted(facts: Facts) -> bool:
    """The weights generate text and have no template of their own."""
    return facts.format == GGUF.name and "complete" in facts.capabilities() and not facts.template


def with_template(
    blobs: Blobs, files: Sequence[ModelFile], template: str, keep: Keep
) -> list[ModelFile]:
    """The files of a model that has a template beside it, unless it has defaults already."""
    if not template or any(file.role == DEFAULTS for file in files):
        return list(files)
    return derived_model.with_defaults(blobs, files, ModelDefaults(template=template), keep)
