"""Checkpoints and the engine that draws them, where its package is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.config import Settings
from ingle.engines.choice import choose
from ingle.engines.declarations import declared, load_engine, serving
from ingle.engines.engine import LoadSpec
from ingle.engines.stable_diffusion import engine
from ingle.errors import BadModelFile, EngineMissing
from ingle.models.facts import Facts

from ..models.checkpoints import WHOLE, write_safetensors


def test_each_form_of_model_has_its_painter() -> None:
    assert serving("checkpoint", "imagine").name == "stable-diffusion"
    assert serving("gguf", "imagine").name == "stable-diffusion"
    assert serving("diffusers", "imagine").name == "diffusers"
    assert serving("gguf", "generate").name == "llama"


def test_a_gguf_file_that_draws_is_not_given_to_llama_cpp() -> None:
    for settings in (Settings(), Settings(engine="llama"), Settings(engines={"drawn": "llama"})):
        chosen = choose("gguf", "imagine", settings, {}, "drawn")
        assert chosen.engine.name == "stable-diffusion"
    assert choose("gguf", "generate", Settings(), {}).engine.name == "llama"


def test_the_plan_counts_weights_and_decoding() -> None:
    painter = declared("stable-diffusion")
    facts = Facts(tensor_bytes=10**9, metadata={"image size": 512})
    small = painter.memory(facts, LoadSpec(engine=painter.name, model="m"))
    assert small.weights == 10**9
    assert small.compute == 512 * 512 * 6656
    large = painter.memory(Facts(tensor_bytes=1), LoadSpec(engine=painter.name, model="m"))
    assert large.compute == 4 * small.compute


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", {"PIL": object()}.get)
    with pytest.raises(EngineMissing, match="No module named 'stable_diffusion_cpp'") as refused:
        load_engine("stable-diffusion")
    assert refused.value.hint == "pip install 'ingle[images,sd]'"


def test_a_file_that_was_cut_after_it_was_pulled_does_not_reach_the_library(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "drawn.safetensors", WHOLE)
    path.write_bytes(path.read_bytes()[:-9])
    spec = LoadSpec(engine="stable-diffusion", model="drawn", files={"weights": [str(path)]})
    opened = object.__new__(engine.StableDiffusionEngine)
    with pytest.raises(BadModelFile, match=r"drawn\.safetensors.*was cut off"):
        opened.open(spec)
