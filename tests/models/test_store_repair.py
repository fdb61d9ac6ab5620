"""A store whose index is damaged: nothing is lost, and one bad record hides no other."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ingle.capabilities.store.operation import CreateModel, SourceFile
from ingle.errors import DiskFull, StorageError
from ingle.models import Store
from ingle.models.adapter_store import AdapterStore
from ingle.models.creation import ModelCreation
from ingle.models.index import ADAPTER, MODEL
from ingle.models.model import Model
from ingle.models.store_repair import damaged_records, name_unnamed, repair_records
from ingle.operations import ModelDefaults
from tests.disks import fill
from tests.engines.lora import write_adapter

from .weights import write_model


def spoil(store: Store, key: str, record: bytes = b'{"name":') -> None:
    with closing(sqlite3.connect(store.index.path)) as connection, connection:
        found = connection.execute(
            "UPDATE names SET record = ? WHERE key LIKE ?", (record, f"%{key}%")
        )
        assert found.rowcount == 1


BACKUP, RECORDS = "index.sqlite3.backup", "names"


def destroy(store: Store, *also: str) -> None:
    """Damage the index, and remove other things beside it."""
    store.index.path.write_bytes(b"not a database" * 100)
    for name in also:
        path = store.root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@pytest.mark.parametrize("also", [(), (BACKUP,), (RECORDS,), (BACKUP, RECORDS)])
def test_a_damaged_index_is_set_aside_and_nothing_is_lost(
    store: Store, model_file: Path, also: tuple[str, ...]
) -> None:
    model = store.add_path(model_file, "kept", link=False)
    Store(store.root)  # whoever opens it next makes the copy
    destroy(store, *also)
    again = Store(store.root)
    list(name_unnamed(again))  # as a node does when it starts
    assert (store.root / "index.sqlite3.damaged-1").read_bytes().startswith(b"not a database")
    (found,) = [one for one in again.models() if one.digest == model.digest]
    assert (found.name == "kept") is (also != (BACKUP, RECORDS))
    assert again.prune().bytes == 0
    assert again.resolve(found.name).path.read_bytes() == model_file.read_bytes()


def everything(store: Store) -> list[Model]:
    with store.index.read() as rows:
        return rows.all(MODEL) + rows.all(ADAPTER)


@pytest.mark.parametrize("how", ["damaged", "emptied", "deleted"])
def test_what_was_taken_in_since_the_last_copy_outlives_the_index_and_the_copy(
    store: Store, model_file: Path, tmp_path: Path, how: str
) -> None:
    """Names, files that are only linked, parts of derived models, and on what adapters may be."""
    Store(store.root)
    base = store.add_path(model_file, "plain", link=False)
    store.copy("plain", "another")
    store.copy("plain", "removed")
    linked = tmp_path / "linked.gguf"
    write_model(linked, seed=2)
    store.add_path(linked, "linked", link=True)
    store.add_adapter(write_adapter(tmp_path / "lora.gguf", model_file, seed=1), "lora")
    AdapterStore(store).allow("lora", "linked")
    asked = CreateModel(
        model="derived",
        base="plain",
        defaults=ModelDefaults(system="Be brief."),
        adapters=[SourceFile(name="lora")],
    )
    ModelCreation(store, AdapterStore(store), asked, Path).run()
    store.remove("removed")
    before = everything(store)
    assert len(before) == 5
    destroy(store, BACKUP)
    if how == "emptied":
        store.index.path.write_bytes(b"")
    elif how == "deleted":
        store.index.path.unlink()
    again = Store(store.root)
    assert everything(again) == before
    assert again.resolve_adapter("lora").bases == [again.resolve("linked").digest]
    assert again.prune().bytes == 0
    derived = again.resolve("derived")
    assert (derived.digest, len(derived.files)) == (base.digest, 3)


def test_a_record_that_is_damaged_with_the_index_is_taken_from_the_copy(
    store: Store, model_file: Path
) -> None:
    store.add_path(model_file, "one", link=False)
    store.copy("one", "two")
    store.copy("one", "removed")
    before = everything(Store(store.root))
    store.remove("removed")
    for path in store.index.records.folder.iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    destroy(store)
    assert everything(Store(store.root)) == [one for one in before if one.name != "removed"]


def test_records_are_what_the_index_says_after_a_start(store: Store, model_file: Path) -> None:
    """A kill before the commit, or damage: the index is right."""
    store.add_path(model_file, "mine", link=False)
    records = store.index.records
    (right,) = records.all()
    for wrong in (
        {("model", "other"): right.record},
        {(right.kind, right.key): right.record.replace(b"mine", b"hers")},
        {(right.kind, right.key): None},
    ):
        records.write(wrong)
        assert list(records.all()) != [right]
        store.put_in_order()
        assert list(records.all()) == [right]
    (path,) = records.folder.iterdir()
    for data in (b"", b"noise", path.read_bytes()[:-3]):
        path.write_bytes(data)
        (records.folder / "half.part").write_bytes(b"x")
        store.put_in_order()
        assert [*records.folder.iterdir()] == [path]
        assert list(records.all()) == [right]


def test_a_store_of_an_older_version_gets_records(store: Store, model_file: Path) -> None:
    store.add_path(model_file, "mine", link=False)
    shutil.rmtree(store.index.records.folder)
    assert [record.key for record in Store(store.root).index.records.all()]


def test_a_change_that_has_no_room_changes_nothing(
    small_disk: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingle.models.blobs.HEADROOM", 0)
    store = Store(small_disk / "store")
    store.add_path(model_file, "mine", link=False)
    before = everything(store), list(store.index.records.all())
    ballast = fill(small_disk)
    with pytest.raises(DiskFull, match="no space left for "):
        store.copy("mine", "another")
    assert (everything(store), list(store.index.records.all())) == before
    store.remove("mine")
    assert everything(store) == list(store.index.records.all()) == []
    ballast.unlink()


def test_one_bad_record_hides_no_other(store: Store, model_file: Path) -> None:
    store.add_path(model_file, "good", link=False)
    store.copy("good", "bad")
    spoil(store, "bad")
    assert [model.name for model in store.models()] == ["good"]
    assert store.resolve("good")
    with pytest.raises(StorageError, match=r"bad.* is damaged") as caught:
        store.resolve("bad")
    assert caught.value.hint == "ingle doctor --repair"
    (name,) = damaged_records(store)
    assert "bad" in name


def test_nothing_is_deleted_while_a_record_is_damaged(store: Store, model_file: Path) -> None:
    model = store.add_path(model_file, "only", link=False)
    spoil(store, "only")
    with pytest.raises(StorageError, match="nothing is deleted"):
        store.prune()
    assert store.blobs.has(model.digest)


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ((), "is again as it was"),
        ((RECORDS,), "is again as it was in the last copy"),
        ((BACKUP, RECORDS), "was taken out"),
    ],
)
def test_a_bad_record_is_repaired(
    store: Store, model_file: Path, gone: tuple[str, ...], said: str
) -> None:
    store.add_path(model_file, "mine", link=False)
    Store(store.root)
    spoil(store, "mine", b"\xff\x00")
    for name in gone:
        path = store.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    store.put_in_order()  # takes no damaged record for the right one
    (done,) = repair_records(store)
    assert damaged_records(store) == []
    assert said in done
    assert "copy" not in done or "copy" in said
    assert [model.name for model in store.models()] == (["mine"] if "again" in said else [])
    assert '"record": "ff00"' in (store.root / "index.damaged.jsonl").read_text()
