"""``ingle doctor --repair``: repair settings, databases and the index of models."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ingle.cli.finding import Finding
from ingle.config.sources import BACKUP, user_file
from ingle.errors import ConfigError, NodeAlreadyRunning, StorageError

if TYPE_CHECKING:
    from ingle.models import Store

DATABASES = ("node.sqlite3", "peers.sqlite3", "shares.sqlite3", "responses.sqlite")


def repair(state: Path, models: Path) -> Iterator[Finding]:
    """Repair what is damaged; says what was done.

    Raises:
        NodeAlreadyRunning: a node uses these files.
    """
    from ingle import database
    from ingle.models import Store
    from ingle.models.store_repair import name_unnamed, repair_records
    from ingle.node.node_lock import NodeLock

    lock = NodeLock(state)
    try:
        lock.acquire()
    except NodeAlreadyRunning as error:
        raise NodeAlreadyRunning(error.message, hint="ingle stop --node", **error.details) from None
    try:
        for path in (state / name for name in DATABASES):
            if path.exists():
                database.connect(path).close()
        store = Store(models)
        for done in itertools.chain(repair_records(store), name_unnamed(store)):
            yield Finding("models", "ok", done)
    finally:
        lock.release()


def repair_settings() -> Iterator[Finding]:
    """Set a settings file aside that cannot be read; the copy that was valid takes its place."""
    from ingle import database
    from ingle.config import load

    path = user_file()
    try:
        load({})
    except ConfigError as error:
        if not path.is_file() or str(path) not in error.message:
            return  # it is a variable's, or a project's
        aside = path.rename(database.free_name(path))
        restored = "the last valid copy is used" if _restored(path) else "the defaults are used"
        yield Finding("settings", "ok", f"{path.name} is now {aside.name}: {restored}")


def _restored(path: Path) -> bool:
    """Put the copy of the settings in their place, if it can be read."""
    from ingle.config import load

    backup = path.with_name(path.name + BACKUP)
    if not backup.is_file():
        return False
    path.write_bytes(backup.read_bytes())
    path.chmod(0o600)
    try:
        load({})
    except ConfigError as error:
        if str(path) in error.message:
            path.unlink()
            return False
    return True


def damage(state: Path, models: Path) -> Iterator[Finding]:
    """What was damaged and set aside, and what is damaged still."""
    from ingle.database import DAMAGED
    from ingle.models import Store
    from ingle.models.store_repair import damaged_records

    for folder in (state, models):
        for path in sorted(folder.glob(f"*{DAMAGED}*")):
            if not path.name.endswith(("-wal", "-shm", "-journal")):
                text = f"{path.name.partition(DAMAGED)[0]} was damaged and has been restored"
                yield Finding("damage", "warn", text, f"see what is missing, then: rm {path}*")
    if models.exists():
        try:
            yield from _damaged_blobs(Store(models))
            damaged = damaged_records(Store(models))
        except StorageError as error:
            yield Finding("models", "fail", error.message, error.hint)
            return
        for name in damaged:
            text = f"the record of {name} cannot be read"
            yield Finding("models", "fail", text, "ingle doctor --repair")


def _damaged_blobs(store: Store) -> Iterator[Finding]:
    """Files of models that were set aside, and models that cannot be used without them."""
    from ingle.models.verification import lost_files

    for file in lost_files(store):
        text = f"{', '.join(file.models)}: {file.path} {file.reason}"
        yield Finding("damage", "fail", text, file.command)
    count = len([*store.blobs.damaged()])
    if count:
        noun = "file was" if count == 1 else "files were"
        yield Finding("damage", "warn", f"{count} damaged {noun} set aside", "ingle prune")
