"""Adapters of the store: their versions, and on which models they may be used."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest

from ingle.errors import AdapterNotFound, InvalidRequest
from ingle.models import adapter_provenance
from ingle.models.adapter_store import AdapterStore
from ingle.models.gguf import read_header
from ingle.models.store import Store
from tests.engines.lora import write_adapter


@pytest.fixture
def store(tmp_path: Path, ember: Path, ember_embed: Path) -> Store:
    store = Store(tmp_path / "store")
    store.add_path(ember, "base")
    store.add_path(ember_embed, "other-base")
    return store


@pytest.fixture
def adapters(store: Store) -> AdapterStore:
    return AdapterStore(store)


def names(store: Store) -> set[str]:
    return {adapter.name for adapter in store.adapters()}


def test_versions_are_counted_and_the_name_is_the_last(
    tmp_path: Path, ember: Path, store: Store, adapters: AdapterStore
) -> None:
    files = [write_adapter(tmp_path / f"{n}.gguf", ember, seed=n) for n in range(4)]
    store.add_adapter(files[0], "style")  # by hand: it is not lost
    assert adapters.keep(files[1], "style").name == "style:2"
    assert adapters.keep(files[2], "style").name == "style:3"
    assert adapters.keep(files[1], "style").name == "style:2"  # the same file again
    assert names(store) == {"style", "style:1", "style:2", "style:3"}
    digest = {name: store.resolve_adapter(name).digest for name in names(store)}
    assert digest["style"] == digest["style:2"]
    assert adapters.remove("style:2") == ["style:2"]
    assert store.resolve_adapter("style").digest == digest["style:3"]
    assert not store.blobs.has(digest["style:2"])
    assert sorted(adapters.remove("style")) == ["style", "style:1", "style:3"]
    assert store.adapters() == []
    with pytest.raises(AdapterNotFound):
        adapters.remove("style")
    store.add_adapter(files[3], "single")
    assert adapters.remove("single") == ["single"]
    assert adapters.keep(files[3], "once").name == "once:1"
    assert sorted(adapters.remove("once:1")) == ["once", "once:1"]


def noted(path: Path, base: Path, digest: str) -> Path:
    """An adapter that says which base it was trained on."""
    plain = write_adapter(path.with_suffix(".plain"), base, seed=1)
    reader = gguf.GGUFReader(plain)
    writer = gguf.GGUFWriter(path, str(read_header(plain).metadata["general.architecture"]))
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    writer.add_string("ingle.base", digest)
    writer.add_string("ingle.plan", '{"rate": 0.1}')
    writer.add_string("ingle.losses", "no list")
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_an_adapter_of_another_base_is_refused_unless_its_owner_allows_it(
    tmp_path: Path, ember: Path, ember_embed: Path, store: Store, adapters: AdapterStore
) -> None:
    base = store.resolve("base")
    own = store.add_adapter(noted(tmp_path / "own.gguf", ember, base.digest), "own")
    adapters.check(own, base)
    other = store.add_adapter(noted(tmp_path / "other.gguf", ember, "sha256:" + "0" * 64), "other")
    with pytest.raises(InvalidRequest, match="sha256:000") as error:
        adapters.check(other, base)
    assert "ingle adapter allow other base" in error.value.hint
    allowed = adapters.allow("other", "base")
    adapters.check(allowed, base)
    assert adapter_provenance.provenance(other.path).plan == {"rate": 0.1}
    assert adapter_provenance.provenance(other.path).losses == []
    # What cannot work is not allowed, either.
    with pytest.raises(InvalidRequest, match=r"does not fit other-base"):
        adapters.allow("other", "other-base")
    with pytest.raises(InvalidRequest, match="does not fit"):
        adapters.check(allowed, store.resolve("other-base"))


def test_matrices_of_other_sizes_are_refused(
    tmp_path: Path, ember: Path, store: Store, adapters: AdapterStore
) -> None:
    plain = write_adapter(tmp_path / "plain.gguf", ember, seed=1)
    reader = gguf.GGUFReader(plain)
    for kind in ("narrow", "unknown"):
        writer = gguf.GGUFWriter(tmp_path / f"{kind}.gguf", "qwen3")
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        for tensor in reader.tensors[:2]:
            data = (
                tensor.data[:, :8]
                if tensor.name.endswith("a") and kind == "narrow"
                else tensor.data
            )
            name = tensor.name.replace("attn_q", "attn_z") if kind == "unknown" else tensor.name
            writer.add_tensor(name, data.copy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        adapter = store.add_adapter(tmp_path / f"{kind}.gguf")
        what = "for 8 numbers" if kind == "narrow" else "no matrix blk.0.attn_z.weight"
        with pytest.raises(InvalidRequest, match=what):
            adapters.check(adapter, store.resolve("base"))
