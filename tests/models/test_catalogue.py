"""The catalogue of names: what people type first."""

from __future__ import annotations

import pytest

from ingle.models import catalogue
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
        assert set(entry.purposes) <= {*PURPOSES, "tools"}


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
