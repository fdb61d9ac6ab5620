"""Sealed files: read by their key alone, and not at all once a bit of them has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.errors import StorageError
from ingle.node.sealed_file import KEY_BYTES, SealedWriter, chunks

KEY = bytes(range(KEY_BYTES))
PARTS = [b"head", b"secret words" * 1000, b"more"]


def sealed(path: Path) -> bytes:
    writer = SealedWriter(path, KEY)
    for part in PARTS:
        writer.add(part)
    writer.finish()
    return path.read_bytes()


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "one"
    data = sealed(path)
    assert list(chunks(path, KEY)) == PARTS
    assert b"secret" not in data
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["one"]


def test_two_files_of_the_same_bytes_are_different(tmp_path: Path) -> None:
    assert sealed(tmp_path / "one")[64:] != sealed(tmp_path / "two")[64:]


def test_nothing_of_a_changed_file_is_taken_for_whole(tmp_path: Path) -> None:
    path = tmp_path / "one"
    data = sealed(path)
    for at in range(0, len(data), 97):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(StorageError, match="damaged"):
            list(chunks(path, KEY))
    for cut in (0, 10, 48, 60, len(data) - 20, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(StorageError, match="damaged"):
            list(chunks(path, KEY))


def test_chunks_cannot_change_places_or_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "one"
    data = sealed(path)
    start = 48
    first = start + 4 + len(PARTS[0]) + 16
    second = first + 4 + len(PARTS[1]) + 16
    path.write_bytes(data[:start] + data[first:second] + data[start:first] + data[second:])
    with pytest.raises(StorageError):
        next(chunks(path, KEY))
    path.write_bytes(data[:first] + data[second:])
    parts = chunks(path, KEY)
    assert next(parts) == b"head"
    with pytest.raises(StorageError):
        next(parts)


def test_another_key_reads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "one"
    sealed(path)
    with pytest.raises(StorageError, match="another key"):
        list(chunks(path, bytes(KEY_BYTES)))


def test_one_that_is_not_finished_is_not_there(tmp_path: Path) -> None:
    writer = SealedWriter(tmp_path / "one", KEY)
    writer.add(b"half")
    assert not (tmp_path / "one").exists()
    writer.drop()
    assert list(tmp_path.iterdir()) == []
