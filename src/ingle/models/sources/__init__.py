"""Where models come from, and how to tell from what a person typed.

============================  =================================================
``./x.gguf``, ``/a/folder``   a file or folder on this disk
``https://host/x.gguf``       a file on the web
``hf.co/owner/repo[:quant]``  a Hugging Face repository (also ``.../file.gguf``)
``modelscope.cn/owner/repo``  a ModelScope repository
``bergamot:en-de``            a pair of Mozilla's translation models
any other name                what another program on this disk has already
                              (Ollama, LM Studio, the Hugging Face cache); else
                              what the catalogue means by it (``qwen3:8b``), or
                              the repository ``owner/repo`` of the hub
============================  =================================================
"""

from __future__ import annotations

from pathlib import Path

from ingle.capabilities.store.operation import Pull
from ingle.config.settings import check_hub
from ingle.errors import InvalidRequest
from ingle.models import catalogue
from ingle.models.catalogue.translation_names import opus_repository
from ingle.models.quantization import Room
from ingle.models.recommendation import fitting_tag
from ingle.models.ref import DEFAULT_TAG, ModelRef
from ingle.models.sources import huggingface, modelscope
from ingle.models.sources.caches import CacheSource
from ingle.models.sources.file import FileSource
from ingle.models.sources.http import HttpSource
from ingle.models.sources.hub import HubSource
from ingle.models.sources.mozilla import MozillaSource

RemoteSource = HttpSource | HubSource | MozillaSource
Source = FileSource | RemoteSource | CacheSource

__all__ = [
    "CacheSource",
    "FileSource",
    "HttpSource",
    "HubSource",
    "MozillaSource",
    "RemoteSource",
    "Source",
    "parse_source",
]


def parse_source(
    pull: Pull, *, hub: str = "", translations: str = "", room: Room | None = None
) -> Source:
    """Say where a pull fetches from, and under which name the model will stand.

    Args:
        hub: The setting of this name.
        translations: The setting ``translation_catalogue``.
        room: What a model must fit into where its name does not say which quantisation.

    Raises:
        InvalidRequest: it is neither a source nor a name.
        ConfigError: ``hub`` is none.
    """
    text = pull.source or pull.model
    name = pull.model if pull.source else ""
    if "\0" in text:
        raise InvalidRequest("source: holds a NUL character", field="source")
    found = HubSource.parse(text, name, hub=hub, room=room)
    if found is not None:
        return found
    if text.startswith(("http://", "https://")):
        return HttpSource.parse(text, name, pull.sha256)
    if is_path(text):
        path = text.removeprefix("file://")
        return FileSource(Path(path).expanduser(), name)
    ref = ModelRef.parse(text)
    elsewhere = _elsewhere(ref, name or ref.short, hub, translations, room)
    return CacheSource(ref, name or ref.short, elsewhere)


def is_path(text: str) -> bool:
    """Does this mean a file or folder rather than a name? A bare word is always a name."""
    return text.startswith(("/", "./", "../", "~/", "file://")) or (
        text.lower().endswith(".gguf") and not text.startswith(("http://", "https://"))
    )


def _host(hub: str) -> str:
    check_hub(hub)
    return modelscope.HOSTS[0] if hub in modelscope.HOSTS else huggingface.HOSTS[0]


def _elsewhere(
    ref: ModelRef, name: str, hub: str, translations: str, room: Room | None
) -> HubSource | MozillaSource | None:
    """The repository that a name stands for, or the pair of a catalogue; None: nothing."""
    if ref.digest or ref.host:
        return None
    if translations and (pair := MozillaSource.of(ref, name, translations)):
        return pair
    if repository := opus_repository(ref):
        return HubSource.parse(f"{_host(hub)}/{repository}", name, hub=hub, room=room)
    entry = catalogue.find(ref)
    if entry is not None and room is not None and ref.tag == DEFAULT_TAG:
        entry = fitting_tag(entry, room)
    if entry is not None and entry.file:
        wanted = f"{entry.repo}/{entry.file}"
    elif entry is not None:
        wanted = f"{entry.repo}:{entry.quantization}" if entry.quantization else entry.repo
    elif ref.owner:
        wanted = ref.short
    else:
        return None
    source = HubSource.parse(f"{_host(hub)}/{wanted}", name, hub=hub, room=room)
    if source is None or entry is None or room is None:
        return source
    smaller = fitting_tag(entry, room)
    return source.with_fallback(smaller.name if smaller.name != entry.name else "")
