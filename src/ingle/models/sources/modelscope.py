"""ModelScope: the hub that is near where Hugging Face is slow or cannot be reached.

``GET /api/v1/models/{repo}/repo/files?Revision={rev}&Recursive=true`` lists the files with size and
SHA-256, and ``GET /models/{repo}/resolve/{rev}/{file}`` is the bytes, perhaps after redirects: as
its own client (``modelscope.hub.api``) asks.

Environment: ``MODELSCOPE_API_TOKEN`` for gated and private repositories, ``MODELSCOPE_ENDPOINT``
for another server that speaks the same.
"""

from __future__ import annotations

import os
from urllib.parse import quote

import msgspec

from ingle.config.settings import MODELSCOPE
from ingle.models.sources.listing import ListedFile, Listing

HOSTS = MODELSCOPE
_ENDPOINT = "https://modelscope.cn"


class _File(msgspec.Struct):
    Path: str
    Type: str = "blob"
    Size: int = 0
    Sha256: str = ""


class _Files(msgspec.Struct):
    Files: list[_File] = []


class _Answer(msgspec.Struct):
    Code: int = 0
    Data: _Files | None = None


_decode = msgspec.json.Decoder(_Answer).decode


class ModelScope:
    """See `ingle.models.sources.listing.Hub`."""

    title = "ModelScope"
    host = HOSTS[0]
    main = "master"
    token_variable = "MODELSCOPE_API_TOKEN"  # noqa: S105 (a name)

    @property
    def endpoint(self) -> str:
        return os.environ.get("MODELSCOPE_ENDPOINT", "").rstrip("/") or _ENDPOINT

    @property
    def token(self) -> str:
        return os.environ.get(self.token_variable, "").strip()

    def page(self, repo: str) -> str:
        return f"{_ENDPOINT}/models/{repo}"

    def listing_url(self, repo: str, revision: str) -> str:
        rev = quote(revision, safe="")
        return f"{self.endpoint}/api/v1/models/{repo}/repo/files?Revision={rev}&Recursive=true"

    def read_listing(self, body: bytes, revision: str) -> Listing | None:
        answer = _decode(body)
        if answer.Code != 200 or answer.Data is None:
            return None
        files = {
            file.Path: ListedFile(file.Size, file.Sha256.lower())
            for file in answer.Data.Files
            if file.Type != "tree"
        }
        return Listing(revision, files)

    def file_url(self, repo: str, revision: str, name: str) -> str:
        return f"{self.endpoint}/models/{repo}/resolve/{quote(revision, safe='')}/{quote(name)}"
