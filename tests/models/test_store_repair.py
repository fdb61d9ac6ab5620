"""A store whose index is damaged: nothing is lost, and one bad record hides no other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ingle.errors import StorageError
from ingle.models import Store
from ingle.models.store_repair import damaged_records, name_unnamed, repair_records


def spoil(store: Store, key: str, record: bytes = b'{"name":') -> None:
    with closing(sqlite3.connect(store.index.path)) as connection, connection:
        found = connection.execute(
            "UPDATE names SET record = ? WHERE key LIKE ?", (record, f"%{key}%")
        )
        assert found.rowcount == 1


@pytest.mark.parametrize("copied", [True, False])
def test_a_damaged_index_is_set_aside_and_nothing_is_lost(
    store: Store, model_file: Path, copied: bool
) -> None:
    model = store.add_path(model_file, "kept", link=False)
    if copied:
        Store(store.root)  # whoever opens it next makes the copy
    else:
        store.index.path.with_name("index.sqlite3.backup").unlink(missing_ok=True)
    store.index.path.write_bytes(b"not a database" * 100)
    again = Store(store.root)
    list(name_unnamed(again))  # as a node does when it starts
    assert (store.root / "index.sqlite3.damaged-1").read_bytes().startswith(b"not a database")
    (found,) = [one for one in again.models() if one.digest == model.digest]
    assert (found.name == "kept") is copied
    assert again.prune().bytes == 0
    assert again.resolve(found.name).path.read_bytes() == model_file.read_bytes()


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


@pytest.mark.parametrize("copied", [True, False])
def test_a_bad_record_is_repaired(store: Store, model_file: Path, copied: bool) -> None:
    store.add_path(model_file, "mine", link=False)
    if copied:
        Store(store.root)
    else:
        store.index.path.with_name("index.sqlite3.backup").unlink(missing_ok=True)
    spoil(store, "mine", b"\xff\x00")
    (done,) = repair_records(store)
    assert damaged_records(store) == []
    assert ("last copy" in done) is copied
    assert [model.name for model in store.models()] == (["mine"] if copied else [])
    assert '"record": "ff00"' in (store.root / "index.damaged.jsonl").read_text()
