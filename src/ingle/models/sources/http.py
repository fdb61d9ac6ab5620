"""A file on the web as a source."""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import unquote, urlsplit

from ingle.errors import InvalidRequest
from ingle.models import formats
from ingle.models import names as file_names
from ingle.models.format import WEIGHTS
from ingle.models.pull_plan import PullPlan, RemoteFile
from ingle.models.ref import part_from
from ingle.models.sources.web import Web

_HEX = re.compile(r"[0-9a-f]{64}\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class HttpSource:
    """A model of one file at an URL."""

    url: str
    name: str
    sha256: str = ""
    """64 hex digits, where someone vouches for the bytes; else whatever comes is recorded."""

    @classmethod
    def parse(cls, url: str, name: str, sha256: str) -> HttpSource:
        """Check an URL.

        Raises:
            InvalidRequest: it has no host, or ``sha256`` is not a hash.
        """
        digest = sha256.lower().removeprefix("sha256:")
        if digest and not _HEX.match(digest):
            raise InvalidRequest("sha256: must be 64 hex digits", field="sha256")
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError as error:
            raise InvalidRequest(f"source: {url!r}: {error}", field="source") from None
        if not host:
            raise InvalidRequest(f"source: {url!r} has no host", field="source")
        stem = re.sub(r"(?i)\.gguf\Z", "", unquote(parts.path).rsplit("/", 1)[-1])
        return cls(url, name or part_from(stem), digest)

    @property
    def endpoint(self) -> str:
        """Where a token would go; there is none for plain URLs."""
        return self.url

    @property
    def token(self) -> str:
        """None is sent."""
        return ""

    async def plan(self, web: Web) -> PullPlan:
        """What to fetch: the one file."""
        del web
        file_name = unquote(urlsplit(self.url).path).rsplit("/", 1)[-1] or self.name
        # An URL need not end in the file's name: what is not known by that is taken for GGUF.
        telling = file_names.is_safe(file_name) and not file_name.lower().endswith(".gguf")
        known = formats.choose([file_name], []) if telling else []
        return PullPlan(
            source=self.url,
            files=[RemoteFile(file_name, self.url, WEIGHTS, sha256=self.sha256)],
            format=known[0][0].name if known else "gguf",
        )
