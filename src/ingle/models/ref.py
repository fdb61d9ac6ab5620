"""`ModelRef`: the name someone asks for, checked before it can reach a disk or a network."""

from __future__ import annotations

import re

import msgspec

from ingle.errors import InvalidRequest

DEFAULT_TAG = "latest"
MAX_LENGTH = 512

_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_-])?\Z")
_HOST = re.compile(r"(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|localhost)(?::[0-9]{1,5})?\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
# Names never become paths here, but other programs may make files of them.
_WINDOWS_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?\Z")


class ModelRef(msgspec.Struct, frozen=True):
    """A model's name, taken apart.

    ::

        ref    = [ host "/" ] [ owner "/" ] name [ ":" tag [ ":" quant ] ] [ "@sha256:" hex64 ]
        host   = a domain with a dot, or "localhost"; optionally ":" port
        owner, name, tag, quant = 1 to 96 of A-Z a-z 0-9 _ . -
                 (neither first nor last ".", not first "-")

    ``ember`` and ``ember:latest`` are the same model, as are ``whisper:base:q5`` and
    ``whisper:base-q5``. Letters keep their case
    but compare without it. ``hf.co/owner/repo:Q4_K_M`` fits the grammar and is
    also a source (`ingle.models.sources`); URLs and paths are sources only.
    """

    name: str
    owner: str = ""
    host: str = ""
    tag: str = DEFAULT_TAG
    digest: str = ""
    """``sha256:`` and 64 hex digits, or empty: any."""

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Take a name apart.

        Raises:
            InvalidRequest: it is not in the grammar; says which part is wrong.
        """
        if len(text) > MAX_LENGTH:
            raise _invalid(text, f"longer than {MAX_LENGTH} characters")
        body, at, digest = text.partition("@")
        if at and not _DIGEST.match(digest):
            raise _invalid(text, "after @ there must be sha256: and 64 hex digits")
        *path, last = body.split("/")
        name, colon, tag = last.partition(":")
        size, more, quant = tag.partition(":")
        if more and size and quant:
            tag = f"{size}-{quant}"
        if "" in path:
            raise _invalid(text, "it begins with / or has an empty part")
        if len(path) > 2:
            raise _invalid(text, "a name has up to three parts: host/owner/name")
        host = path.pop(0) if len(path) == 2 else ""
        if host and not _HOST.match(host):
            raise _invalid(text, f"{host!r} is not a host")
        owner = path.pop() if path else ""
        parts = {"name": name, **({"owner": owner} if "/" in body else {})}
        for kind, part in {**parts, **({"tag": tag} if colon else {})}.items():
            _check(text, kind, part)
        return cls(name=name, owner=owner, host=host, tag=tag or DEFAULT_TAG, digest=digest)

    @property
    def key(self) -> str:
        """What two names that mean the same model have in common; no digest in it."""
        return f"{self.path}:{self.tag}".lower()

    @property
    def path(self) -> str:
        """Host, owner and name, without the tag."""
        return "/".join(part for part in (self.host, self.owner, self.name) if part)

    @property
    def short(self) -> str:
        """The name without its digest, and without the tag if that is ``latest``."""
        return self.path if self.tag.lower() == DEFAULT_TAG else f"{self.path}:{self.tag}"

    def __str__(self) -> str:
        return f"{self.short}@{self.digest}" if self.digest else self.short


def part_from(text: str) -> str:
    """The nearest valid name to a free text such as a file's stem (never empty)."""
    cleaned = re.sub(r"[^A-Za-z0-9_.-]+", "-", text)
    cleaned = re.sub(r"\.{2,}", ".", cleaned).strip(".-")[:96].strip(".-")
    if not cleaned:
        return "model"
    return f"m-{cleaned}" if _WINDOWS_DEVICE.match(cleaned) else cleaned


def _check(text: str, kind: str, part: str) -> None:
    if not part:
        raise _invalid(text, f"the {kind} is empty")
    if not _PART.match(part) or ".." in part:
        raise _invalid(text, f"the {kind} {part!r} may hold only letters, digits, _ . -")
    if _WINDOWS_DEVICE.match(part):
        raise _invalid(text, f"the {kind} {part!r} is a reserved device name")


def _invalid(text: str, why: str) -> InvalidRequest:
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    return InvalidRequest(
        f"model: {shown!r} is not a model name: {why}",
        hint="a name looks like qwen3:0.6b, owner/name:tag or hf.co/owner/repo:Q4_K_M",
        field="model",
    )
