"""Copies into the store: locked while they run, resumed or removed after a kill."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from ingle.errors import BadModelFile, Cancelled
from ingle.models import Store

from .test_store import digest_of
from .weights import write_shards

MIB = 1 << 20


def _add(root: Path, path: Path, at: int, told: Connection) -> None:
    """Import a file; say so once this many bytes are copied, and wait for an answer."""

    def on_bytes(_name: str, done: int, _total: int) -> None:
        if done >= at and not told.closed:
            told.send(done)
            told.recv()
            told.close()

    Store(root).add_path(path, "big", link=False, on_bytes=on_bytes)


class Importing:
    """An import in a process of its own, stopped in its middle."""

    def __init__(self, store: Store, path: Path, at: int) -> None:
        self._told, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=_add, args=(store.root, path, at, theirs))
        self.process.start()
        theirs.close()
        assert self._told.recv() >= at

    def go_on(self) -> None:
        self._told.send(None)
        self.process.join()
        assert self.process.exitcode == 0

    def kill(self) -> None:
        os.kill(self.process.pid or 0, signal.SIGKILL)
        self.process.join()


@pytest.fixture
def large(tmp_path: Path, weights: bytes) -> Path:
    path = tmp_path / "large.gguf"
    path.write_bytes(weights)
    return path


def partial_files(store: Store) -> set[str]:
    return {path.suffix for path in store.blobs.partial.iterdir()}


def test_prune_leaves_a_running_import_alone(store: Store, large: Path) -> None:
    importing = Importing(store, large, 2 * MIB)
    assert store.prune(partials=True).files == []
    store.put_in_order()
    importing.go_on()
    assert digest_of(store.resolve("big").path) == digest_of(large)
    assert partial_files(store) == set()


def test_prune_leaves_the_files_alone_that_an_import_has_copied(
    store: Store, tmp_path: Path
) -> None:
    shards = write_shards(tmp_path)
    first = shards[0].stat().st_size

    def on_bytes(name: str, done: int, _total: int) -> None:
        if name != shards[0].name:
            assert store.prune(partials=True).files == []

    model = store.add_path(shards[0], "big", link=False, on_bytes=on_bytes)
    assert model.path.stat().st_size == first


def test_a_killed_import_is_named_and_resumed(store: Store, large: Path) -> None:
    Importing(store, large, 3 * MIB).kill()
    assert list(store.blobs.all()) == []
    (named,) = (name for name in store.prune(True, True).files if name.endswith(".part"))
    assert Path(named).is_relative_to(store.blobs.partial)
    store.put_in_order()
    assert Path(named).exists()  # its source is there still
    model = store.add_path(large, "big", link=False)
    assert digest_of(model.path) == model.digest == digest_of(large)
    assert partial_files(store) == set()


def test_a_stopped_import_goes_on_where_it_was(store: Store, large: Path) -> None:
    class Stop(Cancelled):
        pass

    def stop(_name: str, done: int, _total: int) -> None:
        if done == 3 * MIB:
            raise Stop("enough")

    with pytest.raises(Stop):
        store.add_path(large, "big", link=False, on_bytes=stop)
    (part,) = store.blobs.partial.glob("*.part")
    inode = part.stat().st_ino
    model = store.add_path(large, "big", link=False)
    assert model.path.stat().st_ino == inode
    assert digest_of(model.path) == digest_of(large)


def test_what_was_copied_of_a_file_that_changed_is_not_used(store: Store, large: Path) -> None:
    Importing(store, large, 3 * MIB).kill()
    data = bytearray(large.read_bytes())
    data[-1] ^= 1
    large.write_bytes(data)
    os.utime(large, ns=(1, 1))
    model = store.add_path(large, "big", link=False)
    assert digest_of(model.path) == model.digest == digest_of(large)


def test_a_copy_whose_source_is_gone_is_removed_by_whoever_starts_next(
    store: Store, large: Path
) -> None:
    Importing(store, large, 3 * MIB).kill()
    large.unlink()
    store.put_in_order()
    assert list(store.blobs.partial.iterdir()) == []
    with store.index.read() as rows:
        assert rows.pins() == {}


def test_a_file_that_changes_while_it_is_copied_is_refused(store: Store, large: Path) -> None:
    def change(_name: str, done: int, _total: int) -> None:
        if done == 2 * MIB:
            os.utime(large, ns=(1, 1))

    with pytest.raises(BadModelFile, match="was changed while it was read"):
        store.add_path(large, "big", link=False, on_bytes=change)
    assert partial_files(store) == set()
    assert list(store.blobs.all()) == []


def test_two_imports_of_one_file_share_its_copy(store: Store, large: Path) -> None:
    first = Importing(store, large, 2 * MIB)
    waited = []

    def on_bytes(_name: str, done: int, _total: int) -> None:
        if not done and not waited:
            waited.append(done)
            first.go_on()

    store.add_path(large, "also", link=False, on_bytes=on_bytes)
    assert waited
    assert store.resolve("also").path == store.resolve("big").path
    assert partial_files(store) == set()


def test_kills_at_any_moment_leave_nothing_half(store: Store, large: Path) -> None:
    seeded = random.Random(16)
    for _ in range(8):
        Importing(store, large, seeded.randrange(large.stat().st_size)).kill()
        for digest, _ in store.blobs.all():
            assert digest == digest_of(store.blobs.path(digest))
    store.add_path(large, "big", link=False)
    store.put_in_order()
    assert list(store.blobs.partial.iterdir()) == []
    assert len(list(store.blobs.all())) == 1
