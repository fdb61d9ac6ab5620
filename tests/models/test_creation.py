"""Derived models in the store: whose bytes they are, and how long these stay."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ingle.capabilities.store.operation import CreateModel, SourceFile
from ingle.errors import BadModelFile, InvalidRequest, NotFound
from ingle.models.adapter_store import AdapterStore
from ingle.models.creation import ModelCreation, NewModel
from ingle.models.derived_model import MOST_BYTES
from ingle.models.format import DEFAULTS
from ingle.models.model import ModelFile
from ingle.models.store import Store
from ingle.operations import ModelDefaults, Sampling

from .weights import write_adapter, write_model, write_projector, write_shards


def nowhere(sha256: str) -> Path:
    raise NotFound(sha256)


def create(store: Store, operation: CreateModel) -> NewModel:
    return ModelCreation(store, AdapterStore(store), operation, nowhere).run()


def mario(base: str, **defaults: object) -> CreateModel:
    kept = ModelDefaults(system="You are Mario.", **defaults)  # type: ignore[arg-type]
    return CreateModel(model="mario", base=base, defaults=kept)


def test_it_shares_the_bytes_of_its_base_and_outlives_it(store: Store, tmp_path: Path) -> None:
    base = store.add_path(write_model(tmp_path / "base.gguf"), "base", link=False)
    before = store.disk_usage().models
    made = create(store, mario("base")).model
    assert made.digest == base.digest
    assert store.disk_usage().models - before < 1000
    store.remove("base")
    assert store.prune().bytes == 0
    again = Store(store.root).resolve("mario")
    assert again.defaults == ModelDefaults(base="base", system="You are Mario.")
    assert again.path.read_bytes()[:4] == b"GGUF"
    store.remove("mario")
    assert list(store.blobs.all()) == []


@pytest.mark.parametrize("link", [True, False])
def test_shards_stay_together(store: Store, tmp_path: Path, link: bool) -> None:
    store.add_path(write_shards(tmp_path)[0], "big", link=link)
    create(store, mario("big"))
    store.remove("big")
    found = store.resolve("mario")
    assert [path.name[:3] for path in found.by_role["weights"]] == [
        found.path.name[:3] for _ in range(3)
    ]
    assert len({path.parent for path in found.by_role["weights"]}) == 1
    assert found.linked is link


def test_what_a_derived_model_says_goes_before_what_its_base_says(
    store: Store, tmp_path: Path
) -> None:
    store.add_path(write_model(tmp_path / "base.gguf"), "base")
    create(store, mario("base", sampling=Sampling(top_k=3, temperature=1.0), stop=["x"]))
    luigi = ModelDefaults(system="You are Luigi.", sampling=Sampling(temperature=0.5))
    made = create(store, CreateModel(model="luigi", base="mario", defaults=luigi)).model
    assert made.defaults == ModelDefaults(
        base="mario",
        system="You are Luigi.",
        sampling=Sampling(top_k=3, temperature=0.5),
        stop=["x"],
    )


def test_files_are_told_apart_by_what_they_are(store: Store, tmp_path: Path) -> None:
    files = [
        write_projector(tmp_path / "a.gguf"),
        write_model(tmp_path / "b.gguf"),
        write_adapter(tmp_path / "c.gguf"),
    ]
    sources = [SourceFile(name=path.name, path=str(path)) for path in files]
    made = create(store, CreateModel(model="m", files=sources)).model
    assert [file.role for file in made.files] == ["weights", "projector", "adapter"]
    assert "vision" in made.capabilities
    assert made.details().adapters == [str(made.adapters[0].path)]
    with pytest.raises(InvalidRequest, match="none of them"):
        create(store, CreateModel(model="n", files=sources[:1]))
    other = SourceFile(name="d.gguf", path=str(write_model(tmp_path / "d.gguf")))
    with pytest.raises(InvalidRequest, match="two models"):
        create(store, CreateModel(model="n", files=[*sources, other]))


def test_what_fails_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    store.add_path(write_model(tmp_path / "base.gguf"), "base")
    adapter = SourceFile(name="a", path=str(tmp_path / "base.gguf"))
    operation = CreateModel(model="m", base="base", adapters=[adapter])
    with pytest.raises(BadModelFile, match="not an adapter"):
        create(store, operation)
    long = ModelDefaults(system="x" * (400 << 10), template="{{ messages }}" + "y" * (400 << 10))
    long = msgspec.structs.replace(long, licence="z" * (400 << 10))
    with pytest.raises(InvalidRequest, match=str(MOST_BYTES)):
        create(store, CreateModel(model="m", base="base", defaults=long))
    assert [model.name for model in store.models()][:1] == ["base"]
    assert list(store.blobs.all()) == []


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"system": 5}', b'{"unknown": 1}', b"[" * 100_000, b'{"stop": [""]}']
)
def test_defaults_of_a_stranger_are_read_with_care(
    store: Store, tmp_path: Path, data: bytes
) -> None:
    base = store.add_path(write_model(tmp_path / "base.gguf"), "base", link=False)
    digest = store.blobs.write(data)
    odd = ModelFile(name="defaults.json", digest=digest, size=len(data), role=DEFAULTS)
    bare = [msgspec.structs.replace(file, path="") for file in base.files]
    with pytest.raises(BadModelFile, match="not the defaults"):
        store.record("odd", [*bare, odd], base.facts, "")
