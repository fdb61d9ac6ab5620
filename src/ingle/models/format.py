"""`Format`: what recognises model files and reads what they say of themselves.

Formats work in the node's process, so they are light to import and bounded: they read headers,
never weights, and execute nothing that a file holds (no pickle, no code). Ours are in
`ingle.models.formats`; others come as plug-ins, by entry points of the group ``ingle.formats``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from ingle.models.facts import Facts

WEIGHTS = "weights"
PROJECTOR = "projector"
"""What turns images into what a language model reads (called mmproj by llama.cpp)."""
ADAPTER = "adapter"
"""A LoRA adapter that a derived model always applies."""
TEMPLATE = "template"
"""A chat template beside weights that may lack one; it becomes one of the defaults."""
DRAFT = "draft"
"""A smaller model of the same vocabulary, which guesses tokens ahead of a larger one."""
SPEAKERS = "speakers"
"""What tells voices apart, beside a model that hears."""
DEFAULTS = "defaults"
"""What a derived model brings to each request; see `ingle.operations.ModelDefaults`."""

_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")


def is_role(text: str) -> bool:
    """It is a word that a file's role may be."""
    return _ROLE.match(text) is not None


class ChosenFiles(msgspec.Struct, frozen=True):
    """The files that make up one model."""

    stem: str
    """What it is called where no one names it; empty: as the folder that it is in."""
    files: tuple[tuple[str, str], ...]
    """Role and relative name (``/`` between folders) of each. The weights come first, shards in
    order; other roles are words such as ``projector``, ``tokenizer``, ``config``."""

    @property
    def names(self) -> list[str]:
        """Of its files, in their order."""
        return [name for _, name in self.files]


class Format(Protocol):
    """Recognises and reads files of one format. What an entry point names is an instance."""

    @property
    def name(self) -> str:
        """As in ``gguf``; the entry point's name is the same."""
        ...

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        """The models of this format among files. Only their names are looked at.

        Args:
            names: Of the files of a folder or repository, relative to it.
        """
        ...

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        """What a model's files say of it, from their headers.

        Args:
            files: Role and path of each, as `choose` put them. They lie under their own names.

        Returns:
            At least ``format``, ``tensor_bytes`` and ``abilities``.

        Raises:
            BadModelFile: one is damaged, or not of this format.
            OSError: one cannot be read.
        """
        ...


@runtime_checkable
class StartFormat(Protocol):
    """A format that knows a model by the beginnings of its files: asked for what is not here yet.

    Without this, all that is fetched of a remote model's files is tried with `Format.read`, which
    suits formats whose files begin with all that is read of them.
    """

    def read_start(self, files: Sequence[tuple[str, Path]]) -> Facts:
        """As `Format.read`. Files have their whole length; what follows a beginning is zeros.

        Raises:
            BadModelFile: one is damaged, not of this format, or its beginning too short.
            OSError: one cannot be read.
        """
        ...
