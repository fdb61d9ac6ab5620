"""What a source promises: which files a model has, where they are, how long, with what hash."""

from __future__ import annotations

import dataclasses
import hashlib


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file to fetch."""

    name: str
    """Its file name, relative to the model's folder if that matters to its format."""
    url: str
    role: str
    size: int = 0
    """Bytes, if the source says so before; else 0."""
    sha256: str = ""
    """64 hex digits, if the source says so before."""
    packed: str = ""
    """``gzip`` or ``zstd``: what is fetched is unpacked; ``size`` and ``sha256`` are of that."""
    unpacked_sha256: str = ""
    unpacked_size: int = 0

    @property
    def key(self) -> str:
        """The name of its partial: the same for everyone who wants these bytes."""
        if self.sha256:
            return f"sha256-{self.sha256}"
        return f"url-{hashlib.sha256(self.url.encode()).hexdigest()[:40]}"


@dataclasses.dataclass(frozen=True, slots=True)
class PullPlan:
    """A model as its source describes it, before anything is fetched."""

    source: str
    """What the store writes down as its origin; pulling that again gets the same."""
    files: list[RemoteFile]
    """The weights in shard order, then what belongs to them."""
    format: str = "gguf"
    token: str = dataclasses.field(default="", repr=False)
    """For the origin of the files, and for no other."""

    @property
    def key(self) -> str:
        """The name of the pull: the same for everyone who wants these files."""
        return (
            "pull-" + hashlib.sha256(" ".join(f.key for f in self.files).encode()).hexdigest()[:40]
        )
