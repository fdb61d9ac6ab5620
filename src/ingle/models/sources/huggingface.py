"""The Hugging Face hub, over its own HTTP protocol.

``GET /api/models/{repo}/revision/{rev}?blobs=true`` lists the files with size
and, for large ones (LFS), their SHA-256; ``GET /{repo}/resolve/{commit}/{file}``
redirects to the bytes. https://huggingface.co/docs/hub/api

Environment: ``HF_TOKEN`` for gated and private repositories, ``HF_ENDPOINT``
for a mirror.
"""

from __future__ import annotations

import os
from urllib.parse import quote

import msgspec

from ingle.config.settings import HUGGING_FACE
from ingle.models.sources.listing import ListedFile, Listing

HOSTS = HUGGING_FACE
DEFAULT_ENDPOINT = "https://huggingface.co"


class _Lfs(msgspec.Struct):
    sha256: str = ""
    size: int = 0


class _Sibling(msgspec.Struct):
    rfilename: str
    size: int | None = None
    lfs: _Lfs | None = None


class _Listed(msgspec.Struct):
    sha: str = ""
    siblings: list[_Sibling] = []


_decode = msgspec.json.Decoder(_Listed).decode


class HuggingFace:
    """See `ingle.models.sources.listing.Hub`.

    Args:
        endpoint: URL of a mirror; empty: the one that ``HF_ENDPOINT`` names, or the hub.
    """

    title = "Hugging Face"
    host = HOSTS[0]
    main = "main"
    token_variable = "HF_TOKEN"  # noqa: S105 (a name)

    def __init__(self, endpoint: str = "") -> None:
        self._endpoint = endpoint

    @property
    def endpoint(self) -> str:
        chosen = self._endpoint or os.environ.get("HF_ENDPOINT", "")
        return chosen.rstrip("/") or DEFAULT_ENDPOINT

    @property
    def token(self) -> str:
        return os.environ.get(self.token_variable, "").strip()

    def page(self, repo: str) -> str:
        return f"{DEFAULT_ENDPOINT}/{repo}"

    def listing_url(self, repo: str, revision: str) -> str:
        return f"{self.endpoint}/api/models/{repo}/revision/{quote(revision, safe='')}?blobs=true"

    def read_listing(self, body: bytes, revision: str) -> Listing | None:
        listed = _decode(body)
        files = {
            file.rfilename: ListedFile(
                (file.lfs.size if file.lfs else 0) or file.size or 0,
                file.lfs.sha256.lower() if file.lfs else "",
            )
            for file in listed.siblings
        }
        return Listing(listed.sha or revision, files)

    def file_url(self, repo: str, revision: str, name: str) -> str:
        return f"{self.endpoint}/{repo}/resolve/{quote(revision, safe='')}/{quote(name)}"
