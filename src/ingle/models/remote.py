"""The facts of a model that is not here yet: only its headers are fetched."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingle.capabilities.store.operation import Pull
from ingle.errors import BadModelFile, InvalidRequest, ModelNotFound, NetworkError, StorageError
from ingle.models import formats
from ingle.models.facts import Facts, facts_from
from ingle.models.format import PROJECTOR, TEMPLATE, WEIGHTS, Format
from ingle.models.formats.gguf_format import GGUF
from ingle.models.gguf import MAX_HEADER, Header, Incomplete, parse_header
from ingle.models.projector_facts import from_header
from ingle.models.pull_plan import PullPlan, RemoteFile
from ingle.models.quantization import Room
from ingle.models.sources import CacheSource, FileSource, Source, parse_source
from ingle.models.sources.web import Unreachable, Web, host
from ingle.models.store import Store
from ingle.models.threads import in_thread
from ingle.models.transfer import refused
from ingle.temporary_folders import TemporaryFolders

_FIRST = 1 << 20
_GROWTH = 4
_MOST = 64 << 20
"""Bytes of a file's start that are fetched for a format that reads files, not headers."""


class KnownModel(NamedTuple):
    """What is known of a model, wherever it is."""

    name: str
    """What it is called here, or would be."""
    facts: Facts
    sizes: dict[str, int]
    """Bytes of the files of each role; 0 where the source does not say."""

    @property
    def capabilities(self) -> list[str]:
        """What it can do."""
        return self.facts.capabilities(projector=PROJECTOR in self.sizes)


async def facts_of(
    store: Store,
    name: str,
    *,
    egress: str = "",
    hub: str = "",
    translations: str = "",
    room: Room | None = None,
    folders: TemporaryFolders | None = None,
) -> KnownModel:
    """The facts of a model, wherever it is: in the store, on this disk, or at its source.

    Args:
        egress: ``allow`` or ``deny``; empty: what ``INGLE_EGRESS`` says.
        hub, translations, room: As `ingle.models.sources.parse_source`.
        folders: Where the starts of files lie meanwhile; None: in the system's temporary folder.

    Returns:
        What is known of it. Nothing is kept.

    Raises:
        InvalidRequest, ModelNotFound, BadModelFile, EgressRefused, NetworkError
    """
    with contextlib.suppress(ModelNotFound, InvalidRequest):
        model = store.resolve(name)
        return KnownModel(model.name, model.facts, model.sizes)
    source: Source = parse_source(Pull(model=name), hub=hub, translations=translations, room=room)
    if isinstance(source, CacheSource):
        if cached := source.found():
            return _on_disk(cached.name, cached.path, cached.projector)
        if source.elsewhere is None:
            store.resolve(name)  # raises ModelNotFound, with the nearest names
        assert source.elsewhere is not None
        source = source.elsewhere
    if isinstance(source, FileSource):
        if not source.path.exists():
            raise ModelNotFound(f"{source.path}: no such file", model=name)
        return _on_disk(source.path.name, source.path)
    assert not isinstance(source, CacheSource)
    async with Web(token=source.token, token_url=source.endpoint, egress=egress) as web:
        try:
            plan = await source.plan(web)
            sizes: dict[str, int] = {}
            for file in plan.files:
                if file.role == TEMPLATE:
                    continue
                sizes[file.role] = sizes.get(file.role, 0) + (file.unpacked_size or file.size)
            return KnownModel(source.name, await _remote_facts(web, plan, folders), sizes)
        except Unreachable as cause:
            raise NetworkError(str(cause), hint="check the connection") from None


def _on_disk(name: str, path: Path, projector: Path | None = None) -> KnownModel:
    found = formats.find(path)
    files = found.files + ([(PROJECTOR, projector)] if projector else [])
    sizes: dict[str, int] = {}
    for role, file in files:
        sizes[role] = sizes.get(role, 0) + file.stat().st_size
    return KnownModel(name, formats.read(found.format, files), sizes)


async def _remote_facts(web: Web, plan: PullPlan, folders: TemporaryFolders | None) -> Facts:
    if any(file.packed for file in plan.files):  # whose beginnings say nothing
        size = sum(file.unpacked_size for file in plan.files if file.role == WEIGHTS)
        return Facts(format=plan.format, abilities=["translate"], tensor_bytes=size)
    if plan.format == GGUF.name:
        weights = [file for file in plan.files if file.role == WEIGHTS]
        facts = facts_from([await remote_header(web, file) for file in weights])
        for file in plan.files:
            if file.role == PROJECTOR:
                projector = from_header(await remote_header(web, file), file.name)
                facts = msgspec.structs.replace(facts, projector=projector)
        return facts
    form = formats.FORMATS.get(plan.format)
    assert form is not None  # the plan was made by it
    wanted = _FIRST
    with (folders or TemporaryFolders(None)).one() as folder:
        while True:
            files = [(file.role, folder / file.name) for file in plan.files]
            try:
                whole = [
                    await _begun(web, file, path, wanted)
                    for file, (_, path) in zip(plan.files, files, strict=True)
                ]
                return await in_thread(_read, form, files, all(whole))
            except OSError as error:
                raise StorageError(f"{folder}: {error.strerror}", hint="ingle df") from error
            except BadModelFile:
                # Perhaps its headers are longer than what is here of them.
                if all(whole) or wanted >= _MOST:
                    raise
                wanted *= _GROWTH


def _read(form: Format, files: list[tuple[str, Path]], whole: bool) -> Facts:
    return formats.read(form, files, begun=not whole)


async def _begun(web: Web, file: RemoteFile, path: Path, wanted: int) -> bool:
    """Have the start of a remote file on the disk, as long as the whole. True: it is the whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = 0
    headers = {"Range": f"bytes=0-{wanted - 1}"}
    async with web.get(file.url, headers) as response:
        if response.status_code not in (200, 206):
            raise refused(response.status_code, file.url, file.name)
        size = web.whole_size(response) or file.size
        with path.open("wb") as out:
            async for piece in response.aiter_raw():
                out.write(piece[: wanted - done])
                done = min(wanted, done + len(piece))
                if done >= wanted:
                    break
            if size > done:
                out.truncate(size)
    return done < wanted or done >= size


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
                raise NetworkError(
                    f"{host(file.url)} closed the connection within the header"
                ) from None
            wanted *= _GROWTH
