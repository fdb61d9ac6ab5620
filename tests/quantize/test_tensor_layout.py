"""Each tensor gets the type that llama.cpp gives it; the size of a file is known in advance."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from ingle.engines.llama.gguf_source import GgufSource
from ingle.errors import InvalidRequest
from ingle.quantize.file_types import BASE_TYPES, file_type
from ingle.quantize.tensor_layout import LayoutOptions, planned
from tests.quantize.shapes import SHAPES, ModelShape, write_shape
from tests.quantize.upstream import RECORDED, summary


@pytest.mark.parametrize("name", SHAPES)
def test_types_are_those_of_llama_cpp(name: str, tmp_path: Path) -> None:
    recorded = json.loads(RECORDED.read_text())[name]
    header = GgufSource(write_shape(tmp_path / "model.gguf", SHAPES[name])).header
    for kind, weighted in itertools.product(BASE_TYPES, (False, True)):
        key = f"{kind} with imatrix" if weighted else kind
        plans = planned(header, kind, LayoutOptions(imatrix=weighted))
        found = summary({plan.tensor.name: plan.kind for plan in plans}, kind)
        # What is not recorded it refuses: where rows are no multiple of 32, or of 128 with Q1_0.
        assert found == recorded.get(key, found), key
    assert len(recorded) >= 50


def test_options_change_the_choices(tmp_path: Path) -> None:
    header = GgufSource(write_shape(tmp_path / "model.gguf", ModelShape())).header

    def types(**options: object) -> dict[str, str]:
        plans = planned(header, "Q4_K_M", LayoutOptions(**options))  # type: ignore[arg-type]
        return {plan.tensor.name: plan.kind for plan in plans}

    usual = types()
    assert usual["output.weight"] == "Q6_K"
    assert usual["blk.0.attn_norm.weight"] == "F32"
    assert set(types(pure=True).values()) == {"Q4_K", "F32"}
    assert types(leave_output_tensor=True)["output.weight"] == "F16"
    assert types(output_tensor_type="Q8_0")["output.weight"] == "Q8_0"
    assert types(token_embedding_type="Q5_K")["token_embd.weight"] == "Q5_K"
    own = types(tensor_types=[(r"ffn_down", "Q3_K"), (r"blk\.0\.", "Q8_0")])
    assert own["blk.0.ffn_down.weight"] == "Q3_K"
    assert own["blk.0.attn_q.weight"] == "Q8_0"
    assert own["blk.1.attn_q.weight"] == usual["blk.1.attn_q.weight"]


def test_names_are_found_as_people_type_them() -> None:
    assert file_type("q4_k_m") == file_type("Q4_K") == "Q4_K_M"
    assert file_type("iq4-xs") == "IQ4_XS"
    with pytest.raises(InvalidRequest, match="did you mean Q4_K_M"):
        file_type("Q4KM")
