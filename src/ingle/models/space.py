"""Where the disk space of a store went, and freeing what nothing needs."""

from __future__ import annotations

import shutil
from pathlib import Path

from ingle.capabilities.store.operation import DiskUsage, Pruned
from ingle.models.blobs import Blobs
from ingle.models.index import ADAPTER, MODEL, Index


def disk_usage(root: Path, blobs: Blobs, index: Index) -> DiskUsage:
    """Bytes by kind. ``logs`` is left at 0: the node knows its own."""
    with index.read() as rows:
        named, pinned = rows.named(), rows.pins()
        every = rows.all(MODEL) + rows.all(ADAPTER)
    linked = {file.path: file.size for model in every for file in model.files if file.linked}
    used = {"models": 0, "partial": 0, "orphaned": 0}
    for digest, size in blobs.all():
        kind = "models" if digest in named else "partial" if digest in pinned else "orphaned"
        used[kind] += size
    used["orphaned"] += sum(path.stat().st_size for path in blobs.damaged())
    used["partial"] += sum(_occupied(path) for path in blobs.partial.iterdir())
    return DiskUsage(
        models=used["models"],
        linked=sum(linked.values()),
        partial=used["partial"],
        orphaned=used["orphaned"],
        logs=0,
        free=shutil.disk_usage(root).free,
        path=str(root),
    )


def prune(blobs: Blobs, index: Index, *, partials: bool, dry_run: bool) -> Pruned:
    """Delete blobs without a name, damaged ones and, if asked, interrupted downloads and copies.

    Those that are under way stay.
    """
    with index.forget() as rows:
        pins = rows.pins()
        given_up = {pull for pull in pins.values() if partials and not _live(blobs, pull)}
        kept = rows.named() | {digest for digest, pull in pins.items() if pull not in given_up}
        unneeded = {digest: size for digest, size in blobs.all() if digest not in kept}
        if not dry_run:
            for pull in given_up:
                rows.unpin(pull)
            blobs.delete(unneeded)
            blobs.keep_views(rows.viewed())
    files = {str(blobs.path(digest)): size for digest, size in unneeded.items()}
    for path in blobs.damaged():
        files[str(path)] = path.stat().st_size
        if not dry_run:
            path.unlink()
    if partials:
        files.update(_prune_partials(blobs, dry_run))
    return Pruned(files=sorted(files), bytes=sum(files.values()))


def sweep(blobs: Blobs, index: Index, candidates: set[str]) -> int:
    """Delete those of some blobs that no name needs. Returns the bytes freed."""
    with index.forget() as rows:
        unneeded = candidates - rows.named() - rows.pins().keys()
        freed = sum(blobs.path(d).stat().st_size for d in unneeded if blobs.has(d))
        blobs.delete(unneeded)
        blobs.keep_views(rows.viewed())
    return freed


def _prune_partials(blobs: Blobs, dry_run: bool) -> dict[str, int]:
    found: dict[str, int] = {}
    for key in {path.name.split(".")[0] for path in blobs.partial.iterdir()}:
        lock = blobs.lock(key)
        if not lock.acquire():
            continue
        for path in blobs.partial.glob(f"{key}.*"):
            if path != lock.path:
                found[str(path)] = _occupied(path)
                if not dry_run:
                    path.unlink()
        lock.release(delete=not dry_run)
    return found


def _live(blobs: Blobs, key: str) -> bool:
    with blobs.lock(key).tried() as free:
        return not free


def _occupied(path: Path) -> int:
    # A partial file is as long as the whole will be; what counts is what it occupies.
    return path.stat().st_blocks * 512
