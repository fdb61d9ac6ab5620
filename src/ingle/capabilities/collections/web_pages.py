"""`WebPages`: documents at addresses, fetched into a folder beside the collection.

Only what is named is fetched, no links; under the egress rule, and each time written in the ledger.
A page that is the same as before keeps its file, and so is not read again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from ingle.capabilities.collections.document_content import MOST_TEXT, readable
from ingle.errors import IngleError, InvalidRequest, NetworkError
from ingle.models.sources.web import Unreachable, Web, check_egress, host
from ingle.node.performing import Services

_ENDINGS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/json": ".json",
    "application/epub+zip": ".epub",
}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
DEEPEST = 8
LONGEST = 80
"""Characters of a part of an address, as a file's name."""


def is_address(path: str) -> bool:
    """It is an address, and no path."""
    return path.startswith(("http://", "https://"))


def check_address(url: str, egress: str) -> None:
    """Raises InvalidRequest or EgressRefused: it cannot, or may not, be fetched."""
    try:
        known = bool(urlsplit(url).hostname)
    except ValueError:
        known = False
    if not known:
        raise InvalidRequest(f"paths: {url!r} is not an address", field="paths")
    check_egress(url, egress)


class WebPages:
    """The pages of a collection.

    Args:
        folder: where they lie.
        about: what the ledger says that they are for.
    """

    def __init__(self, local: Services, folder: Path, about: str) -> None:
        self._local = local
        self.folder = folder
        self._about = about

    async def fetched(self, urls: Sequence[str]) -> tuple[list[Path], dict[str, str]]:
        """The files of some addresses, and why others could not be fetched; those stay as they
        were."""
        found, problems = list[Path](), dict[str, str]()
        async with Web(egress=self._local.settings.egress) as web:
            for url in urls:
                try:
                    found.append(await self._fetched(web, url))
                except (IngleError, Unreachable) as error:
                    problems[url] = str(error)
                    found += self._before(url)
        return found, problems

    async def _fetched(self, web: Web, url: str) -> Path:
        ledger = self._local.ledger
        entry = ledger.begin(
            to=host(url), operation="collections", model=self._about, bytes_out=len(url)
        )
        with ledger.outcome(entry) as told:
            status, headers, body = await web.read(url, MOST_TEXT)
            told.bytes_in = len(body)
        if status != 200:
            raise NetworkError(f"{host(url)} answered {status}", url=url)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        path = self._path(url, _ENDINGS.get(kind, ""))
        if not readable(path.name):
            raise InvalidRequest(f"there is no reader of {kind or 'what is there'}")
        if not path.exists() or path.read_bytes() != body:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = path.with_name(path.name + ".part")
            new.write_bytes(body)
            new.replace(path)
        return path

    def _path(self, url: str, ending: str) -> Path:
        """Its place says where it is from, as far as names of files can."""
        parts = urlsplit(url)
        names = [_UNSAFE.sub("_", unquote(part))[:LONGEST] for part in parts.path.split("/")]
        names = [name.lstrip(".") or "_" for name in names if name][-DEEPEST:] or ["index"]
        last = PurePosixPath(names[-1])
        if parts.query:
            last = last.with_name(f"{last.stem}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
                                  f"{last.suffix}")  # fmt: skip
        name = last.name if readable(last.name) or not ending else last.name + ending
        return self.folder.joinpath(_UNSAFE.sub("_", host(url))[:LONGEST], *names[:-1], name)

    def _before(self, url: str) -> list[Path]:
        """The file that it was the last time."""
        paths = (self._path(url, ending) for ending in ("", *_ENDINGS.values()))
        return [path for path in dict.fromkeys(paths) if path.is_file()][:1]
