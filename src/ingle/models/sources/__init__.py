"""Where models come from, and how to tell from what a person typed.

===========================  ==================================================
``./x.gguf``, ``/a/folder``  a file or folder on this disk
``https://host/x.gguf``      a file on the web
``hf.co/owner/repo[:quant]``  a Hugging Face repository (also ``.../file.gguf``)
any other name               what another program on this disk has already
                             (Ollama, LM Studio, the Hugging Face cache)
===========================  ==================================================
"""

from __future__ import annotations

from pathlib import Path

from ingle.capabilities.store.operation import Pull
from ingle.errors import InvalidRequest
from ingle.models.sources.caches import CacheSource
from ingle.models.sources.file import FileSource
from ingle.models.sources.http import HttpSource
from ingle.models.sources.huggingface import HubSource

Source = FileSource | HttpSource | HubSource | CacheSource

__all__ = ["CacheSource", "FileSource", "HttpSource", "HubSource", "Source", "parse_source"]


def parse_source(pull: Pull) -> Source:
    """Say where a pull fetches from, and under which name the model will stand.

    Raises:
        InvalidRequest: it is neither a source nor a name.
    """
    text = pull.source or pull.model
    name = pull.model if pull.source else ""
    if "\0" in text:
        raise InvalidRequest("source: holds a NUL character", field="source")
    hub = HubSource.parse(text, name)
    if hub is not None:
        return hub
    if text.startswith(("http://", "https://")):
        return HttpSource.parse(text, name, pull.sha256)
    if is_path(text):
        path = text.removeprefix("file://")
        return FileSource(Path(path).expanduser(), name)
    return CacheSource.parse(text, name)


def is_path(text: str) -> bool:
    """Does this mean a file or folder rather than a name? A bare word is always a name."""
    return text.startswith(("/", "./", "../", "~/", "file://")) or (
        text.lower().endswith(".gguf") and not text.startswith(("http://", "https://"))
    )
