"""Pulling by well-known names, from hubs that speak their true protocols."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ingle.capabilities.store.operation import Pull
from ingle.errors import (
    BadModelFile,
    ConfigError,
    DoesNotFit,
    EgressRefused,
    ModelNotFound,
    NetworkError,
)
from ingle.models import Store
from ingle.models.quantization import Room
from ingle.operations import ModelDefaults

from .hub import Hub, ModelScopeServer
from .nemo_files import write_nemo
from .pulling import pulled
from .weights import CHATML, Shape, write_model, write_projector
from .whisper_files import write_ggml

ROOM = Room(0, 8 << 30)
REPO = "Qwen/Qwen3-8B-GGUF"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """Three quantisations of a small model, by the names that repositories give them."""
    found = {}
    for seed, quant in enumerate(["Q2_K", "Q4_K_M", "Q8_0"]):
        path = write_model(tmp_path / f"{seed}.gguf", Shape(layers=1), seed=seed)
        found[f"Qwen3-8B-{quant}.gguf"] = path.read_bytes()
    return found


@pytest.fixture
def bare(tmp_path: Path) -> bytes:
    """Weights without a chat template."""
    return write_model(tmp_path / "bare.gguf", Shape(layers=1), template="").read_bytes()


def test_a_well_known_name(store: Store, hub: Hub, files: dict[str, bytes]) -> None:
    hub.publish(REPO, files)
    summary = pulled(store, Pull(model="qwen3:8b"), room=ROOM)
    assert summary.name == "qwen3:8b"
    # Small enough for eight bits.
    assert summary.source == f"hf.co/{REPO}:Q8_0"
    assert store.resolve("qwen3:8b").path.read_bytes() == files["Qwen3-8B-Q8_0.gguf"]
    asked = len(hub.requests)
    assert pulled(store, Pull(model="Qwen3:8B"), room=ROOM).name == "qwen3:8b"
    assert len(hub.requests) == asked


def test_with_a_quantisation(store: Store, hub: Hub, files: dict[str, bytes]) -> None:
    hub.publish(REPO, files)
    assert pulled(store, Pull(model="qwen3:8b-q4_K_M")).source == f"hf.co/{REPO}:Q4_K_M"
    assert store.resolve("qwen3:8b-Q4_K_M").path.read_bytes() == files["Qwen3-8B-Q4_K_M.gguf"]


def test_a_repository_by_its_bare_name(store: Store, hub: Hub, files: dict[str, bytes]) -> None:
    hub.publish("me/Some-GGUF", files)
    summary = pulled(store, Pull(model="me/Some-GGUF:Q2_K"))
    assert (summary.name, summary.source) == ("me/Some-GGUF:Q2_K", "hf.co/me/Some-GGUF:Q2_K")


def test_a_projector_comes_along(
    store: Store, hub: Hub, files: dict[str, bytes], tmp_path: Path
) -> None:
    projector = write_projector(tmp_path / "mmproj-f16.gguf").read_bytes()
    hub.publish("ggml-org/gemma-3-4b-it-GGUF", {**files, "mmproj-model-f16.gguf": projector})
    assert "vision" in pulled(store, Pull(model="gemma3"), room=ROOM).capabilities


def test_none_fits_and_what_would_is_named(store: Store, hub: Hub, files: dict[str, bytes]) -> None:
    hub.publish("Qwen/Qwen3-235B-A22B-GGUF", files)
    hub.said_size = 90 << 30
    with pytest.raises(DoesNotFit) as caught:
        pulled(store, Pull(model="qwen3:235b"), room=Room(0, 24 << 30))
    assert "8.0" not in caught.value.message
    assert "takes about" in caught.value.message
    assert caught.value.hint.startswith("ingle pull qwen3:30b-a3b")
    assert hub.cdn.sent == 0


def test_from_a_mirror_by_setting(
    store: Store, hub: Hub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_ENDPOINT")
    hub.publish(REPO, files)
    assert pulled(store, Pull(model="qwen3:8b"), hub=hub.url, room=ROOM).size
    assert pulled(store, Pull(model=f"hf.co/{REPO}:Q2_K"), hub=hub.url).size


def test_a_setting_that_is_no_hub(store: Store) -> None:
    with pytest.raises(ConfigError) as caught:
        pulled(store, Pull(model="qwen3:8b"), hub="hugingface.co")
    assert caught.value.hint == "ingle config unset hub"


def test_from_modelscope(
    store: Store, modelscope: ModelScopeServer, files: dict[str, bytes]
) -> None:
    modelscope.publish(REPO, files)
    by_setting = pulled(store, Pull(model="qwen3:8b"), hub="modelscope.cn", room=ROOM)
    assert by_setting.source == f"modelscope.cn/{REPO}:Q8_0"
    digest = hashlib.sha256(files["Qwen3-8B-Q2_K.gguf"]).hexdigest()
    for text in (
        f"modelscope.cn/{REPO}:Q2_K",
        f"ms://{REPO}:Q2_K",
        f"https://www.modelscope.cn/models/{REPO}/resolve/master/Qwen3-8B-Q2_K.gguf",
    ):
        assert pulled(store, Pull(model=text)).digest == f"sha256:{digest}"
    with pytest.raises(ModelNotFound, match="has no repository me/nothing"):
        pulled(store, Pull(model="modelscope.cn/me/nothing"))


def test_without_a_network(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EgressRefused):
        pulled(store, Pull(model="qwen3:8b"), egress="deny")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(NetworkError):
        pulled(store, Pull(model="qwen3:8b"))


def test_a_template_beside_weights_that_have_none(store: Store, hub: Hub, bare: bytes) -> None:
    files = {"m-Q8_0.gguf": bare, "chat_template.jinja": CHATML.encode()}
    hub.publish("me/m", files)
    summary = pulled(store, Pull(model="me/m"))
    assert "chat" in summary.capabilities
    model = store.resolve("me/m")
    assert model.template == CHATML
    assert model.defaults == ModelDefaults(template=CHATML)
    assert store.prune(dry_run=True).files == []


@pytest.mark.parametrize("beside", [b"{{ .Prompt }}", b"\xff\xfe", b"plain words", b""])
def test_what_is_no_template_is_left_out(
    store: Store, hub: Hub, bare: bytes, beside: bytes
) -> None:
    hub.publish("me/m", {"m-Q8_0.gguf": bare, "chat_template.jinja": beside})
    assert pulled(store, Pull(model="me/m")).capabilities == ["complete"]
    assert store.resolve("me/m").defaults is None
    assert store.prune(dry_run=True).files == []


def test_weights_keep_their_own_template(store: Store, hub: Hub, files: dict[str, bytes]) -> None:
    other = CHATML.replace("user", "human").encode()
    hub.publish(REPO, {**files, "chat_template.jinja": other})
    pulled(store, Pull(model="qwen3:8b"), room=ROOM)
    assert store.resolve("qwen3:8b").defaults is None
    assert store.resolve("qwen3:8b").template == CHATML


def test_a_template_beside_a_file_of_this_disk(store: Store, tmp_path: Path, bare: bytes) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.gguf").write_bytes(bare)
    (folder / "chat_template.jinja").write_text(CHATML)
    pulled(store, Pull(model="mine", source=str(folder / "mine.gguf")))
    assert store.resolve("mine").template == CHATML
    assert "chat" in store.resolve("mine").capabilities


def test_a_name_of_whisper_pulls_its_file_of_many(store: Store, hub: Hub, tmp_path: Path) -> None:
    data = write_ggml(tmp_path, "q5_1").read_bytes()
    others = {f"ggml-{name}.bin": data[:-1] for name in ("base", "base.en-q5_1", "small-q5_1")}
    hub.publish("ggerganov/whisper.cpp", {**others, "ggml-base-q5_1.bin": data})
    summary = pulled(store, Pull(model="whisper:base:q5"), room=ROOM)
    assert summary.name == "whisper:base-q5"
    assert summary.source == "hf.co/ggerganov/whisper.cpp/ggml-base-q5_1.bin"
    assert (summary.quantization, summary.capabilities) == ("Q5_1", ["transcribe"])
    assert store.resolve("whisper:base:q5").path.read_bytes() == data
    with pytest.raises(BadModelFile, match=f"{len(data)} bytes needed"):
        pulled(store, Pull(model="whisper:base"), room=ROOM)


def test_a_name_of_parakeet_pulls_all_that_belongs_to_it(
    store: Store, hub: Hub, tmp_path: Path
) -> None:
    folder = write_nemo(write_nemo(tmp_path / "both"), suffix=".int8")
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.publish("istupakov/parakeet-tdt-0.6b-v3-onnx", {**found, "nemo128.onnx": b"mel"})
    summary = pulled(store, Pull(model="parakeet:0.6b-v3"), room=ROOM)
    assert summary.quantization == "INT8"
    assert {path.name for path in store.resolve("parakeet:0.6b-v3").folder.iterdir()} == {
        "encoder-model.int8.onnx",
        "decoder_joint-model.int8.onnx",
        "vocab.txt",
        "config.json",
    }


@pytest.mark.parametrize(
    "name", ["whisper:large-v3-turbo-q5", "parakeet:0.6b-v3", "piper:en_US-joe-medium"]
)
def test_what_is_not_here_says_how_to_get_it(store: Store, name: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        store.resolve(name)
    assert caught.value.hint == f"ingle pull {name}"
