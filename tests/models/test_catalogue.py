"""The catalogue of names: what people type first."""

from __future__ import annotations

import pytest

from ingle.models import catalogue
from ingle.models.ggml_whisper import WhisperSizes, tensors_length
from ingle.models.quantization import quant_of
from ingle.models.recommendation import PURPOSES
from ingle.models.ref import ModelRef
from ingle.models.sources import HubSource


def find(text: str) -> catalogue.CataloguedModel:
    found = catalogue.find(ModelRef.parse(text))
    assert found is not None
    return found


def test_every_name_is_one_and_means_a_repository() -> None:
    names = catalogue.names()
    assert len(names) == len(set(names)) >= 100
    for name in names:
        entry = find(name)
        source = HubSource.parse(f"hf.co/{entry.repo}", name)
        assert source is not None
        assert source.repo == entry.repo
        assert entry.about.endswith(".")
        assert entry.licence
        assert 0 < entry.active <= entry.parameters < 1000
        assert set(entry.purposes) <= {*PURPOSES, "tools", "speakers"}


def test_each_family_has_its_default_and_each_purpose_models() -> None:
    for family in {entry.family for entry in catalogue.catalogued()}:
        assert find(family) in catalogue.tags_of(family)
    for purpose in PURPOSES:
        assert any(purpose in entry.purposes for entry in catalogue.catalogued())


@pytest.mark.parametrize(
    ("typed", "name", "quantization"),
    [
        ("qwen3:8b", "qwen3:8b", ""),
        ("Qwen3:8B", "qwen3:8b", ""),
        ("qwen3", "qwen3:8b", ""),
        ("qwen3:latest", "qwen3:8b", ""),
        ("qwen3:30b", "qwen3:30b-a3b", ""),
        ("qwen3:8b-q4_K_M", "qwen3:8b", "Q4_K_M"),
        ("llama3.2:1b-fp16", "llama3.2:1b", "F16"),
        ("qwen3:30b-q8_0", "qwen3:30b-a3b", "Q8_0"),
        ("gpt-oss:20b-mxfp4", "gpt-oss:20b", "MXFP4"),
        ("deepseek-r1:8b-llama", "deepseek-r1:8b-llama", ""),
    ],
)
def test_names_as_people_type_them(typed: str, name: str, quantization: str) -> None:
    found = find(typed)
    assert (found.name, found.quantization) == (name, quantization)
    assert quant_of(f"x-{quantization}") == quantization


@pytest.mark.parametrize(
    "typed", ["qwen3:9b", "qwen3:8b-q9", "me/qwen3:8b", "hf.co/me/qwen3:8b", "nonsense"]
)
def test_what_it_does_not_know(typed: str) -> None:
    assert catalogue.find(ModelRef.parse(typed)) is None


@pytest.mark.parametrize(
    ("typed", "repo", "file", "quantization"),
    [
        ("whisper", "ggerganov/whisper.cpp", "ggml-base.bin", ""),
        ("whisper:tiny.en", "ggerganov/whisper.cpp", "ggml-tiny.en.bin", ""),
        (
            "whisper:large-v3-turbo:q5",
            "ggerganov/whisper.cpp",
            "ggml-large-v3-turbo-q5_0.bin",
            "Q5_0",
        ),
        ("whisper:turbo-q8_0", "ggerganov/whisper.cpp", "ggml-large-v3-turbo-q8_0.bin", "Q8_0"),
        ("faster-whisper:small", "Systran/faster-whisper-small", "", ""),
        ("parakeet", "istupakov/parakeet-tdt-0.6b-v3-onnx", "encoder-model.int8.onnx", ""),
        (
            "parakeet:0.6b-v2:f32",
            "istupakov/parakeet-tdt-0.6b-v2-onnx",
            "encoder-model.onnx",
            "F32",
        ),
        ("parakeet:0.6b-ctc", "istupakov/parakeet-ctc-0.6b-onnx", "model.int8.onnx", ""),
        (
            "piper:en_US-joe-medium",
            "rhasspy/piper-voices",
            "en/en_US/joe/medium/en_US-joe-medium.onnx",
            "",
        ),
        ("kokoro", "onnx-community/Kokoro-82M-v1.0-ONNX", "onnx/model_quantized.onnx", ""),
        (
            "piper:EN_us-JOE-medium",
            "rhasspy/piper-voices",
            "en/en_US/joe/medium/en_US-joe-medium.onnx",
            "",
        ),
    ],
)
def test_names_that_mean_one_file(typed: str, repo: str, file: str, quantization: str) -> None:
    found = find(typed)
    assert (found.repo, found.file, found.quantization) == (repo, file, quantization)
    assert found.size > 10**6


@pytest.mark.parametrize(
    "typed", ["whisper:large-v3-q8_0", "whisper:base:q4", "faster-whisper:base-q5", "piper:joe"]
)
def test_files_that_are_known_not_to_be_there(typed: str) -> None:
    assert catalogue.find(ModelRef.parse(typed)) is None


def test_sizes_of_whisper_are_those_that_its_shapes_make() -> None:
    """What the format computes from a header is what the authors' files have, to the byte."""
    widths = {"tiny": (384, 6, 4, 4), "base": (512, 8, 6, 6), "large-v3": (1280, 20, 32, 32)}
    published = {
        "tiny": 77_691_713,
        "base": 147_951_465,
        "base-q5_1": 59_707_625,
        "large-v3": 3_095_033_483,
        "large-v3-q5_0": 1_081_140_203,
    }
    for name, length in published.items():
        size, _, quant = name.partition("-q")
        width, heads, encoder, decoder = widths[size]
        large = size == "large-v3"
        sizes = WhisperSizes(
            *(51_866 if large else 51_865, 1500, width, heads, encoder, 448, width, heads),
            *(decoder, 128 if large else 80, {"": 1, "5_0": 8, "5_1": 9}[quant]),
        )
        tensors = tensors_length(sizes)
        found = find(f"whisper:{name}")
        # Header, mel filters and the words that are spelled out make up the rest.
        assert length - tensors - (sizes.mels * 201 * 4) == 508_145
        assert found.size == pytest.approx(length, abs=600_000)
