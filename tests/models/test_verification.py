"""Files of the store are read again: what is damaged is found, set aside and named."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from ingle.errors import BadModelFile, Cancelled, ModelNotFound
from ingle.models import Store
from ingle.models.verification import Verification, lost_files, stored_files

from .weights import write_adapter, write_model, write_shards

FLIPS = 20


def flip(path: Path, at: int, bit: int = 0) -> None:
    """Damage a file as a disk does: its size and its times stay."""
    stat = path.stat()
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))
    path.chmod(stat.st_mode)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_each_flipped_bit_is_found(store: Store, tmp_path: Path, weights: bytes) -> None:
    source = tmp_path / "large.gguf"
    source.write_bytes(weights)
    seeded = random.Random(20)
    for number in range(FLIPS):
        blob = store.add_path(source, "big", link=False).path
        place = seeded.randrange(FLIPS) / FLIPS + number / FLIPS
        flip(blob, int(place * len(weights)) % len(weights), seeded.randrange(8))
        (damaged,) = Verification(store, stored_files(store)).run().damaged
        assert damaged.path == str(blob)
        assert damaged.models == ["big"]
        assert damaged.reason == "does not match its hash"
        assert damaged.command == f"ingle pull big --from {source}"
        assert Path(damaged.set_aside).is_file()
        with pytest.raises(BadModelFile, match="is missing"):
            store.resolve("big")
    assert len([*store.blobs.damaged()]) == FLIPS
    store.prune()
    assert [*store.blobs.damaged()] == []


def test_what_is_sound_stays(store: Store, model_file: Path, tmp_path: Path) -> None:
    store.add_path(model_file, "linked")
    store.add_path(write_shards(tmp_path)[0], "big", link=False)
    store.add_adapter(write_adapter(tmp_path / "style.gguf"), "style")
    found = Verification(store, stored_files(store)).run()
    assert found.damaged == []
    assert found.files == len(stored_files(store)) >= 4
    assert found.bytes == sum(file.path.stat().st_size for file in stored_files(store))
    assert lost_files(store) == []


def test_all_names_of_a_damaged_file_are_named(
    store: Store, model_file: Path, tmp_path: Path
) -> None:
    blob = store.add_path(model_file, "one", link=False, source="hf.co/owner/repo").path
    store.copy("one", "two")
    store.add_path(write_model(tmp_path / "other.gguf", seed=9), "other", link=False)
    flip(blob, 5000)
    (damaged,) = Verification(store, stored_files(store)).run().damaged
    assert sorted(damaged.models) == ["one", "two"]
    assert damaged.command == "ingle pull hf.co/owner/repo"
    assert [file.path for file in lost_files(store)] == [damaged.path]


def test_an_adapter_is_named_with_its_mark(store: Store, tmp_path: Path) -> None:
    path = write_adapter(tmp_path / "style.gguf")
    blob = store.add_adapter(path, "style").path
    flip(blob, blob.stat().st_size - 1)
    (damaged,) = Verification(store, stored_files(store, "+style")).run().damaged
    assert damaged.models == ["+style"]
    assert damaged.command == f"ingle adapter add {path} --name style"


def test_a_linked_file_is_left_and_its_models_refused(
    store: Store, model_file: Path, tmp_path: Path
) -> None:
    path = shutil.copy(model_file, tmp_path / "mine.gguf")
    store.add_path(path, "mine")
    flip(path, path.stat().st_size - 1)
    (damaged,) = Verification(store, stored_files(store, "mine")).run().damaged
    assert path.exists()
    assert not damaged.set_aside
    assert damaged.command == "ingle rm mine, then get it from where it came"
    with pytest.raises(BadModelFile, match="has changed"):
        store.resolve("mine")
    assert [file.models for file in lost_files(store)] == [["mine"]]


def test_a_stopped_verification_goes_on_where_it_was(store: Store, tmp_path: Path) -> None:
    store.add_path(write_shards(tmp_path)[0], "big", link=False)
    files = stored_files(store)
    first = Verification(store, files)

    class Stopping(Verification):
        def pace(self, done: int) -> None:
            if self.name == files[-1].path.name:
                self.stop()
            super().pace(done)

    with pytest.raises(Cancelled):
        Stopping(store, files).run()
    found = first.run()
    assert found.before == len(files) - 1
    assert first.completed == first.total
    assert Verification(store, files).run().before == 0


def test_a_model_that_is_not_here_is_told(store: Store) -> None:
    with pytest.raises(ModelNotFound):
        stored_files(store, "nothing")
