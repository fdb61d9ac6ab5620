"""Other programs' folders, in their true layout on the disk."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from ingle.capabilities.store.operation import Pull
from ingle.errors import IntegrityError, ModelNotFound
from ingle.models import Store
from ingle.models.sources.caches import find_cached, import_cached

from .pulling import pulled
from .weights import write_model, write_projector, write_shards

COMMIT = "89abcdef0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    return folder


def ollama(root: Path, name: str, weights: Path, projector: Path | None = None) -> Path:
    """Put a model into Ollama's store; returns the blob."""

    def layer(kind: str, data: bytes) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (root / "blobs").mkdir(parents=True, exist_ok=True)
        (root / "blobs" / f"sha256-{digest}").write_bytes(data)
        return {
            "mediaType": f"application/vnd.ollama.image.{kind}",
            "digest": f"sha256:{digest}",
            "size": len(data),
        }

    layers = [layer("model", weights.read_bytes())]
    if projector is not None:
        layers.append(layer("projector", projector.read_bytes()))
    layers += [layer("template", b"{{ .Prompt }}"), layer("params", b'{"stop":["x"]}')]
    path = root / "manifests" / name
    path.parent.mkdir(parents=True)
    path.write_text(
        json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": {
                    "mediaType": "application/vnd.docker.container.image.v1+json",
                    "digest": "sha256:" + "0" * 64,
                    "size": 5,
                },
                "layers": layers,
            }
        )
    )
    return root / "blobs" / str(layers[0]["digest"]).replace(":", "-")


def test_ollama_models_are_used_in_place(store: Store, home: Path, model_file: Path) -> None:
    root = home / ".ollama" / "models"
    blob = ollama(root, "registry.ollama.ai/library/qwen3/0.6b", model_file)
    ollama(root, "registry.ollama.ai/me/mine/latest", model_file)
    ollama(root, "hf.co/owner/Repo-GGUF/Q4_K_M", model_file)
    (root / "manifests" / "registry.ollama.ai" / "library" / "qwen3" / ".DS_Store").write_bytes(
        b"\0\1"
    )
    names = [cached.name for cached in find_cached()]
    assert names == ["hf.co/owner/Repo-GGUF:Q4_K_M", "qwen3:0.6b", "me/mine"]
    summary = pulled(store, Pull(model="qwen3:0.6b"))
    assert summary.linked
    assert summary.source == "ollama:qwen3:0.6b"
    assert store.resolve("qwen3:0.6b").path == blob
    assert list(store.blobs.all()) == []
    store.remove("qwen3:0.6b")
    assert blob.is_file()


def test_ollama_elsewhere_and_with_projector(
    store: Store, tmp_path: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "elsewhere"
    monkeypatch.setenv("OLLAMA_MODELS", str(root))
    projector = write_projector(tmp_path / "mmproj.gguf")
    ollama(root, "registry.ollama.ai/library/eye/7b", model_file, projector)
    pulled(store, Pull(model="eye:7b"))
    assert store.resolve("eye:7b").projector is not None


def test_a_damaged_ollama_blob_is_refused(store: Store, home: Path, tmp_path: Path) -> None:
    good = write_model(tmp_path / "good.gguf")
    blob = ollama(home / ".ollama" / "models", "registry.ollama.ai/library/m/1b", good)
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    with pytest.raises(IntegrityError):
        pulled(store, Pull(model="m:1b"))
    assert store.models() == []


@pytest.mark.parametrize("where", [".lmstudio/models", ".cache/lm-studio/models"])
def test_lm_studio_models_are_used_in_place(
    store: Store, home: Path, model_file: Path, where: str
) -> None:
    folder = home / where / "lmstudio-community" / "Qwen3-0.6B-GGUF"
    folder.mkdir(parents=True)
    shutil.copy(model_file, folder / "Qwen3-0.6B-Q8_0.gguf")
    shutil.copy(model_file, folder / "Qwen3-0.6B-Q4_K_M.gguf")
    write_projector(folder / "mmproj-Qwen3.gguf")
    cached = find_cached()
    assert [(found.name, found.program) for found in cached] == [
        ("lmstudio-community/Qwen3-0.6B-GGUF:Q4_K_M", "lm-studio"),
        ("lmstudio-community/Qwen3-0.6B-GGUF:Q8_0", "lm-studio"),
    ]
    model = import_cached(store, cached[1], "mine")
    assert model.linked
    assert model.path == folder / "Qwen3-0.6B-Q8_0.gguf"
    assert model.projector == folder / "mmproj-Qwen3.gguf"


def test_the_hugging_face_cache_is_used_in_place(
    store: Store, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    folder = home / "hf" / "hub" / "models--Qwen--Qwen3-0.6B-GGUF"
    snapshot = folder / "snapshots" / COMMIT / "Q8_0"
    for made in (snapshot, folder / "blobs", folder / "refs"):
        made.mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    (home / "hf" / "hub" / "version.txt").write_text("1")
    for path in write_shards(tmp_path, 2, "big-Q8_0"):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        shutil.copy(path, folder / "blobs" / digest)
        (snapshot / path.name).symlink_to(Path("../../../blobs") / digest)
    assert [found.name for found in find_cached()] == ["hf.co/Qwen/Qwen3-0.6B-GGUF:Q8_0"]
    model = import_cached(store, find_cached()[0])
    assert model.name == "hf.co/Qwen/Qwen3-0.6B-GGUF:Q8_0"
    assert [path.name for path in model.paths] == [
        "big-Q8_0-00001-of-00002.gguf",
        "big-Q8_0-00002-of-00002.gguf",
    ]
    assert list(store.blobs.all()) == []


def test_a_bare_name_that_nobody_has(store: Store) -> None:
    with pytest.raises(ModelNotFound) as caught:
        pulled(store, Pull(model="qwem3:8b"))
    assert "did you mean qwen3:8b" in caught.value.message
    assert caught.value.hint == "ingle pull qwen3:8b"
    with pytest.raises(ModelNotFound) as caught:
        pulled(store, Pull(model="zzzzzzzz"))
    assert caught.value.hint.startswith("ingle recommend")
    assert find_cached() == []
