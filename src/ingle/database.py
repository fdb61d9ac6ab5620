"""SQLite files that outlive a crash, a full disk and damage.

A file that was opened and found sound is copied beside itself (``NAME.backup``), if it has changed
since the last copy. One that is damaged is set aside (``NAME.damaged-1``), and the copy takes its
place, or an empty file does. One that cannot be written, since the disk is full or may only be
read, is read as it is: a write gets the reason then, and not before. A `Database` that stays
open is written again as soon as there is room.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from ingle.errors import DiskFull, StorageError

log = logging.getLogger(__name__)

BACKUP = ".backup"
DAMAGED = ".damaged-"
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_NOT_WRITABLE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
}
_WAL = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"


class _Damaged(Exception):
    """What SQLite says of a file that is none of its own, or not whole."""


class Database:
    """An open file. One that could only be read is opened again when its disk has changed.

    Args:
        path: None: in memory only.
        schema: statements that make what is not there yet.
        threads: several threads use it, one at a time.
        prepare: what is done with each connection before it is used.
    """

    def __init__(
        self,
        path: Path | None,
        schema: str = "",
        *,
        threads: bool = False,
        prepare: Callable[[sqlite3.Connection], object] | None = None,
    ) -> None:
        self._path = path
        self._schema = schema
        self._threads = threads
        self._prepare = prepare
        self._replaced: list[sqlite3.Connection] = []
        """Rows may still be read from them."""
        self._tried_with = _room(path)
        self._connection = self._connected()

    @contextlib.contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """Its connection. What SQLite says of it is told as by `typed`."""
        with typed(self._path):
            self._write_again()
            yield self._connection

    def close(self) -> None:
        """Close the file."""
        for connection in (*self._replaced, self._connection):
            connection.close()

    def _connected(self) -> sqlite3.Connection:
        connection = connect(self._path, self._schema, threads=self._threads)
        try:
            if self._prepare is not None:
                with typed(self._path):
                    self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _write_again(self) -> None:
        """Open it for writing if it can only be read, and its disk is not as it was then."""
        if not _only_reads(self._connection) or self._connection.in_transaction:
            return
        if (room := _room(self._path)) == self._tried_with:
            return
        self._tried_with = room
        opened = self._connected()
        if _only_reads(opened):
            opened.close()
            return
        log.warning("%s can be written again", self._path)
        self._replaced.append(self._connection)
        self._connection = opened


def _only_reads(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA query_only").fetchone()[0])


def _room(path: Path | None) -> tuple[int, ...]:
    """What a file's disk has left, and whether it may be written."""
    if path is None or not path.parent.exists():
        return ()
    found = os.statvfs(path.parent)
    return (found.f_bavail, found.f_favail, found.f_flag)


def connect(
    path: Path | None,
    schema: str = "",
    *,
    wal: bool = True,
    threads: bool = False,
    restore: bool = True,
) -> sqlite3.Connection:
    """Open a file, whatever has happened to it.

    Args:
        path: None: in memory only.
        schema: statements that make what is not there yet.
        wal: with a write-ahead log.
        threads: several threads use the connection, one at a time.
        restore: the copy takes the place of a damaged file; else an empty one does, and whoever
            opens it fills it.

    Raises:
        StorageError: it can be neither read nor replaced.
    """
    if path is None:
        connection = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=not threads
        )
        connection.executescript(schema)
        return connection
    with typed(path):
        try:
            return _opened(path, schema, wal=wal, threads=threads)
        except _Damaged as damage:
            _set_aside(path, str(damage), restore)
            return _opened(path, schema, wal=wal, threads=threads)


@contextlib.contextmanager
def typed(path: Path | None) -> Iterator[None]:
    """What SQLite says of a file, as one of our errors.

    Raises:
        DiskFull: no room.
        StorageError: anything else.
    """
    try:
        yield
    except (sqlite3.Error, _Damaged) as error:
        code = _code(error)
        if code == sqlite3.SQLITE_FULL:
            raise DiskFull(f"no space left for {path}", hint="ingle prune") from error
        if code == sqlite3.SQLITE_READONLY:
            raise StorageError(
                f"{path} was opened for reading only: the disk was full or may not be written",
                hint="free disk space: ingle df",
            ) from error
        raise StorageError(f"{path}: {error}", hint="ingle doctor --repair") from error


def free_name(path: Path) -> Path:
    """Where a damaged file is set aside: ``NAME.damaged-1``, or the next number that is free."""
    names = (path.with_name(f"{path.name}{DAMAGED}{number}") for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def is_sound(path: Path) -> bool:
    """Whether a file is whole."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return _check(connection) == ""
    except sqlite3.Error:
        return False


def _opened(path: Path, schema: str, *, wal: bool, threads: bool) -> sqlite3.Connection:
    if _emptied(path):
        raise _Damaged("it is empty")  # for SQLite that is a new one
    with contextlib.suppress(OSError):  # SQLite then makes its journals with this mode, too
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o600))
    try:
        connection = sqlite3.connect(
            path, timeout=30, isolation_level=None, check_same_thread=not threads
        )
    except sqlite3.Error as error:
        if _code(error) in _NOT_WRITABLE:  # no file, and none can be made
            return _read_only(path, schema, error, threads=threads)
        raise
    try:
        if wal:
            connection.executescript(_WAL)
        if wrong := _check(connection):
            raise _Damaged(wrong)
        connection.executescript(schema)
    except sqlite3.Error as error:
        connection.close()
        if _code(error) in _DAMAGE:
            raise _Damaged(str(error)) from None
        if _code(error) in _NOT_WRITABLE:
            return _read_only(path, schema, error, threads=threads)
        raise
    except _Damaged:
        connection.close()
        raise
    with contextlib.suppress(OSError):
        path.chmod(0o600)
    _back_up(connection, path)
    return connection


def _emptied(path: Path) -> bool:
    """There is nothing in a file that had something when it was copied."""
    journal = path.with_name(path.name + "-wal")
    return (
        path.with_name(path.name + BACKUP).exists()
        and path.exists()
        and not path.stat().st_size
        and not (journal.exists() and journal.stat().st_size)
    )


def _check(connection: sqlite3.Connection) -> str:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return "" if found == "ok" else str(found)


def _read_only(
    path: Path, schema: str, reason: sqlite3.Error, *, threads: bool
) -> sqlite3.Connection:
    log.error("%s cannot be written (%s); what it says is used", path, reason)
    journal = path.with_name(path.name + "-wal")
    if journal.exists() and journal.stat().st_size:
        raise reason  # what is only in there, such as a grant that was taken back, must be seen
    if not path.exists() or not path.stat().st_size:
        connection = connect(None, schema, threads=threads)
    else:
        connection = sqlite3.connect(
            f"file:{path}?mode=ro&immutable=1",
            uri=True,
            isolation_level=None,
            check_same_thread=not threads,
        )
    connection.execute("PRAGMA query_only=ON")
    return connection


def _back_up(connection: sqlite3.Connection, path: Path) -> None:
    backup = path.with_name(path.name + BACKUP)
    partial = path.with_name(f"{path.name}{BACKUP}-{os.getpid()}")
    try:
        _remove_unfinished(path)
        if backup.exists() and backup.stat().st_mtime_ns >= _changed_ns(path):
            return
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return  # nothing is in it yet, and the copy may be all there is
        with contextlib.closing(sqlite3.connect(partial)) as copy:
            connection.backup(copy)
        partial.chmod(0o600)
        partial.replace(backup)
    except (sqlite3.Error, OSError) as error:
        log.warning("%s was not copied: %s", path, error)
        partial.unlink(missing_ok=True)


def _remove_unfinished(path: Path) -> None:
    """Copies whose processes were killed while they wrote them."""
    for unfinished in path.parent.glob(f"{path.name}{BACKUP}-*"):
        number = unfinished.name.removeprefix(f"{path.name}{BACKUP}-").partition("-")[0]
        if number.isdigit() and not _runs(int(number)):
            unfinished.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    """Whether there is such a process besides this one."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _changed_ns(path: Path) -> int:
    files = (path, path.with_name(path.name + "-wal"))
    return max(file.stat().st_mtime_ns for file in files if file.exists())


def _set_aside(path: Path, damage: str, restore: bool) -> None:
    aside = path.rename(free_name(path))
    for part in ("-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + part).rename(aside.with_name(aside.name + part))
    backup = path.with_name(path.name + BACKUP)
    restored = restore and backup.exists() and is_sound(backup)
    if restored:
        shutil.copy2(backup, path)
    log.error(
        "%s was damaged (%s); it is now %s, and %s",
        path,
        damage,
        aside.name,
        "its last copy is used" if restored else "an empty one takes its place",
    )


def _code(error: BaseException) -> int:
    code = getattr(error, "sqlite_errorcode", 0)
    return int(code) & 0xFF
