"""SQLite files after damage, on a full disk, and where nothing may be written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ingle import database
from ingle.errors import DiskFull, StorageError
from ingle.node.ledger import EgressLedger
from ingle.peers.peer_database import PeerDatabase
from ingle.peers.swarm.share_database import ShareDatabase
from tests.disks import fill, mounted

SCHEMA = "CREATE TABLE IF NOT EXISTS words (word TEXT);"


def words(path: Path) -> list[str]:
    with closing(database.connect(path, SCHEMA)) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM words")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "words.sqlite3"
    first = database.connect(path, SCHEMA)
    first.execute("INSERT INTO words VALUES ('kept')")
    first.close()
    database.connect(path, SCHEMA).close()  # the next one copies what has changed
    return path


def test_copies_of_killed_processes_go_and_those_of_others_stay(path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = [path.with_name(f"{path.name}.backup-{ended.pid}{tail}") for tail in ("", "-journal")]
    being_written = path.with_name(f"{path.name}.backup-{os.getppid()}")
    for copy in (*left, being_written):
        copy.write_bytes(b"half of it")
    assert words(path) == ["kept"]
    assert not any(copy.exists() for copy in left)
    assert being_written.exists()


def not_a_database(path: Path) -> None:
    path.write_bytes(b"\x00" * 8192)


def a_torn_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(2048))


def a_short_file(path: Path) -> None:
    os.truncate(path, 5000)


def an_empty_file(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [not_a_database, a_torn_page, a_short_file, an_empty_file])
def test_a_damaged_file_is_set_aside_and_its_copy_used(path: Path, harm: object) -> None:
    assert callable(harm)
    harm(path)
    assert words(path) == ["kept"]
    assert path.with_name("words.sqlite3.damaged-1").exists()
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_a_sound_copy_it_begins_anew(path: Path) -> None:
    for file in (path, path.with_name("words.sqlite3.backup")):
        not_a_database(file)
    assert words(path) == []
    not_a_database(path)
    path.with_name("words.sqlite3.backup").unlink()
    assert words(path) == []
    assert path.with_name("words.sqlite3.damaged-2").exists()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "4m") as folder:
        yield folder


@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_what_cannot_be_written_is_read(disk: Path, kind: str) -> None:
    path = disk / "node.sqlite3"
    ledger = EgressLedger(path)
    entry = ledger.begin(to="peer:desk", operation="chat", model="m", bytes_out=1)
    ledger.complete(entry, bytes_in=2, outcome="done")
    ledger.close()
    if kind == "full":
        fill(disk)
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    again = EgressLedger(path)
    assert [entry.to for entry in again.entries(10)] == ["peer:desk"]
    with pytest.raises(StorageError, match="for reading only"):  # what is not noted does not leave
        again.begin(to="peer:desk", operation="chat", model="m", bytes_out=1)
    again.close()


@pytest.mark.parametrize("there", ["a file", "none"])
@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_what_could_not_be_written_is_written_when_there_is_room(
    disk: Path, kind: str, there: str
) -> None:
    def ask_for_leave(ledger: EgressLedger) -> None:
        ledger.begin(to="peer:desk", operation="chat", model="m", bytes_out=1)

    path = disk / "node.sqlite3"
    if there == "a file":
        with closing(EgressLedger(path)) as ledger:
            ask_for_leave(ledger)
    ballast = fill(disk) if kind == "full" else None
    if ballast is None:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with closing(EgressLedger(path)) as ledger:
        before = ledger.entries(10)
        for _ in range(2):
            with pytest.raises(StorageError):
                ask_for_leave(ledger)
        if ballast is None:
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        else:
            ballast.unlink()
        ask_for_leave(ledger)
        assert len(ledger.entries(10)) == len(before) + 1
    with closing(EgressLedger(path)) as ledger:
        assert len(ledger.entries(10)) == len(before) + 1


def test_peers_and_shares_are_written_again_all_or_nothing(disk: Path) -> None:
    peers_path, shares_path = disk / "peers.sqlite3", disk / "shares.sqlite3"
    PeerDatabase(peers_path).close()
    ShareDatabase(shares_path).close()
    ballast = fill(disk)
    with closing(PeerDatabase(peers_path)) as peers, closing(ShareDatabase(shares_path)) as shares:
        with pytest.raises(StorageError):
            shares.ban("192.0.2.1", 60)
        ballast.unlink()
        with peers.together():
            peers.run("INSERT INTO usage VALUES ('grant', 1, 1, 1)")
            peers.run("INSERT INTO usage VALUES ('grant', 2, 1, 1)")
        assert len(peers.run("SELECT * FROM usage").fetchall()) == 2
        shares.ban("192.0.2.1", 60)
        assert shares.bans() == ["192.0.2.1"]


def count_usage(peers: PeerDatabase) -> None:
    for number in range(2000):
        peers.run("INSERT INTO usage VALUES (?, ?, 1, 1)", f"grant{number}", number)


def test_a_disk_that_fills_up_meanwhile(disk: Path) -> None:
    peers = PeerDatabase(disk / "peers.sqlite3")
    fill(disk)
    with pytest.raises(DiskFull, match=r"peers\.sqlite3"):
        count_usage(peers)
    peers.close()
