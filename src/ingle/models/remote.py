"""The facts of a model that is not here yet: only its header is fetched."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ingle.capabilities.store.operation import Pull
from ingle.errors import InvalidRequest, ModelNotFound, NetworkError
from ingle.models import shards
from ingle.models.facts import Facts, facts_from
from ingle.models.facts import facts_of as facts_of_files
from ingle.models.gguf import MAX_HEADER, Header, Incomplete, parse_header
from ingle.models.model import WEIGHTS
from ingle.models.plan import RemoteFile
from ingle.models.sources import CacheSource, FileSource, parse_source
from ingle.models.sources.caches import find_cached
from ingle.models.sources.web import Unreachable, Web, host
from ingle.models.store import Store
from ingle.models.transfer import refused

_FIRST = 1 << 20
_GROWTH = 4


async def facts_of(store: Store, name: str, *, egress: str = "") -> tuple[str, Facts]:
    """The facts of a model, wherever it is: in the store, on this disk, or at its source.

    Args:
        egress: ``allow`` or ``deny``; empty: what ``INGLE_EGRESS`` says.

    Returns:
        The model's name here, and its facts. Nothing is kept.

    Raises:
        InvalidRequest, ModelNotFound, BadModelFile, EgressRefused, NetworkError
    """
    with contextlib.suppress(ModelNotFound, InvalidRequest):
        model = store.resolve(name)
        return model.name, model.facts
    source = parse_source(Pull(model=name))
    if isinstance(source, CacheSource):
        for cached in find_cached():
            if source.means(cached):
                return cached.name, facts_of_files(cached.weights)
        store.resolve(name)  # raises ModelNotFound, with the nearest names
    if isinstance(source, FileSource):
        if not source.path.exists():
            raise ModelNotFound(f"{source.path}: no such file", model=name)
        return source.path.name, facts_of_files(shards.find(Path(source.path)).weights)
    assert not isinstance(source, CacheSource)
    async with Web(token=source.token, token_url=source.endpoint, egress=egress) as web:
        try:
            plan = await source.plan(web)
            files = [file for file in plan.files if file.role == WEIGHTS]
            return source.name, facts_from([await remote_header(web, file) for file in files])
        except Unreachable as cause:
            raise NetworkError(str(cause), hint="check the connection") from None


async def remote_header(web: Web, file: RemoteFile) -> Header:
    """Fetch as much of a file's start as its GGUF header takes, and check it.

    Raises:
        BadModelFile: the header is bad.
        Unreachable: worth another try.
        ModelNotFound, Unauthorized, NetworkError: the server refuses.
    """
    data = bytearray()
    wanted = _FIRST
    while True:
        headers = {"Range": f"bytes={len(data)}-{wanted - 1}"}
        async with web.get(file.url, headers) as response:
            if response.status_code not in (200, 206):
                raise refused(response.status_code, file.url, file.name)
            size = web.whole_size(response) or file.size
            if response.status_code == 200:
                data.clear()  # no parts here: read from the start, stop when it is enough
            async for piece in response.aiter_raw():
                data += piece
                if len(data) >= wanted:
                    break
        try:
            return parse_header(bytes(data), size or MAX_HEADER)
        except Incomplete:
            if len(data) < wanted:
                raise NetworkError(f"{host(file.url)} ended within the header") from None
            wanted *= _GROWTH
