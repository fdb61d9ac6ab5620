from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
from pathlib import Path

import pytest

from ingle.errors import (
    AdapterNotFound,
    BadModelFile,
    DiskFull,
    InvalidRequest,
    ModelNotFound,
    StorageError,
)
from ingle.models import Store
from ingle.operations import Ability

from .weights import write_adapter, write_model, write_projector, write_shards


def digest_of(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_link_uses_the_file_where_it_lies(store: Store, model_file: Path) -> None:
    model = store.add_path(model_file, "tiny")
    assert model.linked
    assert model.path == model_file
    assert model.digest == digest_of(model_file)
    assert store.resolve("TINY:latest").digest == model.digest
    assert store.disk_usage().models == 0
    assert store.disk_usage().linked == model_file.stat().st_size


def test_copy_makes_a_read_only_blob_once(store: Store, model_file: Path) -> None:
    one = store.add_path(model_file, "one", link=False)
    two = store.add_path(model_file, "two", link=False)
    assert one.path == two.path
    assert not one.linked
    assert digest_of(one.path) == one.digest
    assert not one.path.stat().st_mode & 0o222
    assert store.disk_usage().models == model_file.stat().st_size
    assert list(store.blobs.partial.iterdir()) == []


def test_link_of_bytes_that_are_a_blob_already_is_the_blob(store: Store, model_file: Path) -> None:
    store.add_path(model_file, "one", link=False)
    assert not store.add_path(model_file, "two").linked


def test_changed_and_vanished_links_are_refused(
    store: Store, model_file: Path, tmp_path: Path
) -> None:
    path = shutil.copy(model_file, tmp_path / "mine.gguf")
    store.add_path(path, "mine")
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    with pytest.raises(BadModelFile, match="changed since") as caught:
        store.resolve("mine")
    assert caught.value.hint == f"ingle pull {path}"
    path.unlink()
    with pytest.raises(BadModelFile, match="is missing"):
        store.resolve("mine")
    assert [model.name for model in store.models()] == ["mine"]
    store.remove("mine")


def test_copy_and_remove_free_the_blob_with_the_last_name(store: Store, model_file: Path) -> None:
    store.add_path(model_file, "one", link=False)
    copy = store.copy("one", "owner/two:v1")
    assert copy.name == "owner/two:v1"
    assert "freed 0.0 MiB" in store.remove("one")
    assert store.resolve("owner/two:v1").path.is_file()
    store.remove("owner/two:v1")
    assert list(store.blobs.all()) == []
    with pytest.raises(ModelNotFound):
        store.remove("owner/two:v1")


def test_removing_a_link_leaves_the_file(store: Store, model_file: Path) -> None:
    store.add_path(model_file, "tiny")
    assert "left where they are" in store.remove("tiny")
    assert model_file.is_file()


def test_replacing_a_name_frees_what_it_had(store: Store, model_file: Path, tmp_path: Path) -> None:
    store.add_path(model_file, "m", link=False)
    other = write_model(tmp_path / "other.gguf", seed=5)
    assert store.add_path(other, "m", link=False).digest == digest_of(other)
    assert [digest for digest, _ in store.blobs.all()] == [digest_of(other)]


def test_unknown_names_get_the_nearest_and_the_command(store: Store, model_file: Path) -> None:
    for name in ("qwen3:0.6b", "hf.co/Qwen/Qwen3-4B-GGUF:Q8_0", "llama"):
        store.add_path(model_file, name)
    with pytest.raises(ModelNotFound) as caught:
        store.resolve("qwen3:06b")
    assert caught.value.details["nearest"][0] == "qwen3:0.6b"
    assert "qwen3:0.6b" in caught.value.message
    assert caught.value.hint == "ingle list"
    with pytest.raises(ModelNotFound) as caught:
        store.resolve("lama")
    assert caught.value.details["nearest"] == ["llama"]
    with pytest.raises(ModelNotFound) as caught:
        store.resolve("hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M")
    assert caught.value.hint == "ingle pull hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M"


def test_a_digest_in_the_name_must_match(store: Store, model_file: Path) -> None:
    model = store.add_path(model_file, "m")
    assert store.resolve(f"m@{model.digest}").digest == model.digest
    with pytest.raises(ModelNotFound, match="is here with the digest"):
        store.resolve("m@sha256:" + "0" * 64)
    with pytest.raises(ModelNotFound):
        store.remove("m@sha256:" + "0" * 64)


@pytest.mark.parametrize("name", ["../x", "a/../b", "/etc/passwd", "a\0b", "..", "nul", "C:\\x"])
def test_names_never_become_paths(store: Store, model_file: Path, name: str) -> None:
    before = sorted(store.root.parent.rglob("*"))
    for act in (store.resolve, store.remove, store.resolve_adapter):
        with pytest.raises(InvalidRequest):
            act(name)
    with pytest.raises(InvalidRequest):
        store.add_path(model_file, name)
    assert sorted(store.root.parent.rglob("*")) == before


def test_the_embedded_model_is_always_there(store: Store, embedded: Path, model_file: Path) -> None:
    assert store.models() == []
    shutil.copy(model_file, embedded / "ember.gguf")
    write_model(embedded / "ember-embed.gguf", pooling=3)
    store.add_path(model_file, "mine")
    assert [model.name for model in store.models()] == ["mine", "ember", "ember-embed"]
    model = store.resolve("ember:latest")
    assert model.embedded
    assert not model.linked
    assert model.digest == digest_of(model_file)
    assert store.resolve("ember-embed").capabilities == [Ability.EMBED]
    for refused in (
        lambda: store.remove("ember"),
        lambda: store.add_path(model_file, "Ember"),
        lambda: store.copy("mine", "ember:latest"),
    ):
        with pytest.raises(InvalidRequest, match="part of ingle"):
            refused()
    assert not store.copy("ember", "own").linked
    assert Store(store.root).resolve("own").digest == model.digest


def test_shards_become_one_model(store: Store, tmp_path: Path) -> None:
    paths = write_shards(tmp_path)
    linked = store.add_path(paths[1], "big")
    assert linked.paths == paths
    assert linked.facts.parameters > 0
    assert linked.facts.shards == 3
    copied = store.add_path(tmp_path, "copied", link=False)
    assert [path.name for path in copied.paths] == [
        f"model-{number:05d}-of-00003.gguf" for number in (1, 2, 3)
    ]
    assert [digest_of(path) for path in copied.paths] == [digest_of(path) for path in paths]
    assert store.disk_usage().models == sum(path.stat().st_size for path in paths)
    store.remove("copied")
    assert list(store.blobs.views.iterdir()) == []


def test_a_missing_or_misplaced_shard_is_named(store: Store, tmp_path: Path) -> None:
    paths = write_shards(tmp_path)
    one, two = paths[0].read_bytes(), paths[1].read_bytes()
    paths[0].write_bytes(two)
    with pytest.raises(BadModelFile, match="says it is shard 1"):
        store.add_path(paths[0], "big")
    paths[0].write_bytes(one)
    paths[1].unlink()
    with pytest.raises(BadModelFile, match=r"big-00002-of-00003\.gguf is missing"):
        store.add_path(paths[0], "big")


def test_a_folder_pairs_the_projector(store: Store, tmp_path: Path, model_file: Path) -> None:
    folder = tmp_path / "vision"
    folder.mkdir()
    shutil.copy(model_file, folder / "eye-Q8_0.gguf")
    write_projector(folder / "mmproj-eye-f16.gguf")
    model = store.add_path(folder)
    assert model.name == "eye-Q8_0"
    assert model.projector == folder / "mmproj-eye-f16.gguf"
    assert Ability.VISION in model.capabilities
    shutil.copy(model_file, folder / "eye-Q4_K_M.gguf")
    with pytest.raises(InvalidRequest, match=r"2 models: eye-Q4_K_M\.gguf, eye-Q8_0\.gguf"):
        store.add_path(folder)


def test_what_is_no_model_is_refused(store: Store, tmp_path: Path) -> None:
    text = tmp_path / "notes.gguf"
    text.write_text("hello")
    with pytest.raises(BadModelFile, match="not a GGUF file"):
        store.add_path(text)
    with pytest.raises(ModelNotFound):
        store.add_path(tmp_path / "nowhere.gguf")
    with pytest.raises(BadModelFile, match="kind 'adapter'"):
        store.add_path(write_adapter(tmp_path / "lora.gguf"))
    with pytest.raises(
        BadModelFile, match=r"no format recognises it; known formats: [a-z0-9, -]*gguf[a-z0-9, -]*$"
    ):
        store.add_path(tmp_path / "store")
    assert store.models() == []


def test_adapters_have_names_of_their_own(store: Store, tmp_path: Path, model_file: Path) -> None:
    path = write_adapter(tmp_path / "style.gguf")
    added = store.add_adapter(path)
    assert added.name == "style"
    assert store.resolve_adapter("style").path.read_bytes() == path.read_bytes()
    assert [adapter.name for adapter in store.adapters()] == ["style"]
    with pytest.raises(ModelNotFound):
        store.resolve("style")
    with pytest.raises(AdapterNotFound, match="did you mean style"):
        store.resolve_adapter("styl")
    with pytest.raises(BadModelFile, match="not an adapter"):
        store.add_adapter(model_file)
    store.forget_adapter("style")
    assert list(store.blobs.all()) == []
    with pytest.raises(AdapterNotFound):
        store.resolve_adapter("style")


def test_prune_deletes_only_what_has_no_name(store: Store, model_file: Path) -> None:
    kept = store.add_path(model_file, "kept", link=False)
    orphan = store.blobs.path("sha256:" + "1" * 64)
    orphan.write_bytes(b"x" * 1000)
    assert store.disk_usage().orphaned == 1000
    planned = store.prune(dry_run=True)
    assert planned.files == [str(orphan)]
    assert planned.bytes == 1000
    assert orphan.exists()
    assert store.prune() == planned
    assert not orphan.exists()
    assert kept.path.exists()


def test_prune_leaves_partials_unless_asked_and_live_ones_always(store: Store) -> None:
    part = store.blobs.partial / "abc.part"
    part.write_bytes(b"x" * 5000)
    assert store.disk_usage().partial >= 5000
    assert store.prune().files == []
    lock = store.blobs.lock("abc")
    assert lock.acquire()
    assert store.prune(partials=True).files == []
    lock.release()
    assert store.prune(partials=True).files == [str(part)]
    assert list(store.blobs.partial.iterdir()) == []


def test_details_tell_what_the_header_tells(store: Store, model_file: Path) -> None:
    store.add_path(model_file, "tiny")
    details = store.details("tiny")
    assert details.architecture == "qwen3"
    assert details.layers == 2
    assert details.heads_kv == 2
    assert details.vocabulary == 300
    assert details.quantization == "F16"
    assert details.licence == "apache-2.0"
    assert details.template_sha256
    assert details.files == [str(model_file)]
    assert details.capabilities == [Ability.CHAT, Ability.COMPLETE]
    assert details.metadata["qwen3.block_count"] == 2


def test_disk_full_during_a_copy(small_disk: Path, tmp_path: Path, model_file: Path) -> None:
    store = Store(small_disk / "store")
    needed = model_file.stat().st_size / 2**20
    with pytest.raises(
        DiskFull,
        match=rf"{needed:.1f} MiB needed in .+ beside a reserve of 32\.0 MiB, \d+\.\d MiB free",
    ) as told:
        store.add_path(model_file, "m", link=False)
    assert told.value.details["reserve_bytes"] == 32 * 2**20
    assert list(store.blobs.partial.iterdir()) == []


def test_a_newer_index_is_refused(store: Store) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(store.index.path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageError, match="newer ingle"):
        Store(store.root)


def _add_many(root: Path, path: Path, worker: int) -> None:
    store = Store(root)
    for number in range(5):
        store.add_path(path, f"w{worker}-{number}", link=False)
        store.copy(f"w{worker}-{number}", f"c{worker}-{number}")
        store.remove(f"w{worker}-{number}")


def test_processes_share_the_store(store: Store, model_file: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [
        spawn.Process(target=_add_many, args=(store.root, model_file, number))
        for number in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(store.models()) == 15
    assert all(store.resolve(model.name).path.exists() for model in store.models())
    assert len(list(store.blobs.all())) == 1
