"""The catalogue: well-known names of models, and the repositories that they stand for.

``names.toml`` beside this file holds those that read and write, ``speech.toml`` those that hear and
speak, ``images.toml`` those that draw. It stands in until there is a registry, so it promises
little: where a model was when this version was made. What it says of size is the authors' count of
parameters; bytes come from the repository's list of files, when one is asked for.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingle.models.ref import DEFAULT_TAG, ModelRef

_FILES = ("names.toml", "speech.toml", "images.toml")
_QUANT = re.compile(
    r"-((?:ud-)?(?:i?q[1-8](?:_[0-9a-z]+)*|t?q[12]_0|bf16|f16|fp16|f32|mxfp4|nvfp4))\Z",
    re.IGNORECASE,
)
"""At the end of a tag, as in ``8b-q4_K_M``."""
_FULL = {"fp16": "F16"}


class CataloguedModel(NamedTuple):
    """One entry, as someone may ask for it."""

    name: str
    """With its tag, such as ``qwen3:8b``."""
    repo: str
    """``owner/name`` on the hub."""
    about: str
    licence: str
    purposes: tuple[str, ...]
    """What it is good for, such as ``chat``, ``code``, ``embed``."""
    parameters: float
    """Billions."""
    active: float
    """Billions that are computed with for each token."""
    gated: bool = False
    """Its owner wants terms accepted before it can be fetched."""
    quantization: str = ""
    """As the name asks for one; empty: any."""
    file: str = ""
    """Of the repository, with the folders that it is in; empty: as its format chooses."""
    size: int = 0
    """About its bytes, where they do not follow from the parameters; else 0."""

    @property
    def family(self) -> str:
        """The name without the tag."""
        return self.name.partition(":")[0]


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    file: str
    megabytes: int


class _Tag(msgspec.Struct, forbid_unknown_fields=True):
    repo: str = ""
    file: str = ""
    megabytes: int = 0
    quants: dict[str, _Stored] = {}
    same: str = ""
    parameters: float = 0.0
    active: float = 0.0
    licence: str = ""
    can: tuple[str, ...] = ()


class _Family(msgspec.Struct, forbid_unknown_fields=True):
    about: str
    licence: str
    can: tuple[str, ...]
    default: str
    tags: dict[str, _Tag]
    gated: bool = False
    repo: str = ""


@functools.cache
def _families() -> dict[str, _Family]:
    import tomllib

    read: dict[str, Any] = {}
    for name in _FILES:
        read |= tomllib.loads(Path(__file__).with_name(name).read_text("utf-8"))
    return msgspec.convert(read, dict[str, _Family])


def catalogued() -> list[CataloguedModel]:
    """Every entry once, under its full tag; of each purpose the first family is the newest."""
    return [
        _entry(name, family, tag)
        for name, family in _families().items()
        for tag, found in family.tags.items()
        if not found.same
    ]


def find(ref: ModelRef) -> CataloguedModel | None:
    """What a name stands for: ``qwen3``, ``qwen3:8b`` or ``qwen3:8b-q4_K_M``; None if unknown."""
    if ref.host or ref.owner or ref.digest:
        return None
    family = _families().get(ref.name.lower())
    if family is None:
        return None
    by_name = {name.lower(): name for name in family.tags}
    tag = ref.tag.lower()
    if tag == DEFAULT_TAG:
        return _entry(ref.name.lower(), family, family.default)
    if tag in by_name:
        return _entry(ref.name.lower(), family, by_name[tag])
    asked = _QUANT.search(tag)
    if asked is None or (size := tag[: asked.start()]) not in by_name:
        return None
    quant = _FULL.get(asked[1], asked[1].upper())
    return _quantized(_entry(ref.name.lower(), family, by_name[size]), family, quant)


def tags_of(name: str) -> list[CataloguedModel]:
    """The entries of one family, the smallest first; empty if there is none of this name."""
    found = [entry for entry in catalogued() if entry.family == name.lower()]
    return sorted(found, key=lambda entry: entry.parameters)


def names() -> list[str]:
    """All names with their tags, also those that mean the same as another."""
    return [f"{name}:{tag}" for name, family in _families().items() for tag in family.tags]


def _entry(name: str, family: _Family, tag: str) -> CataloguedModel:
    found = family.tags[tag]
    if found.same:
        return _entry(name, family, found.same)
    return CataloguedModel(
        name=f"{name}:{tag}",
        repo=found.repo or family.repo,
        about=family.about,
        licence=found.licence or family.licence,
        purposes=found.can or family.can,
        parameters=found.parameters,
        active=found.active or found.parameters,
        gated=family.gated,
        file=found.file,
        size=found.megabytes * 10**6,
    )


def _quantized(entry: CataloguedModel, family: _Family, quant: str) -> CataloguedModel | None:
    """The same with other files; None if it is known that there are none."""
    if not entry.size:
        return entry._replace(quantization=quant)
    quants = family.tags[entry.name.partition(":")[2]].quants
    for name in sorted(quants):
        if name.upper() == quant or name.upper().startswith(f"{quant}_"):
            stored = quants[name]
            size = stored.megabytes * 10**6
            return entry._replace(quantization=name.upper(), file=stored.file, size=size)
    return None
