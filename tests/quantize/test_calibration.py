"""An imatrix holds what a model's matrices are given; interrupted and added ones are as whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ingle.errors import BadModelFile, InvalidRequest
from ingle.quantize.calibration import Calibration, batches, beginning_token
from ingle.quantize.calibration_texts import chunks_of
from ingle.quantize.file_quantization import Quantization
from ingle.quantize.observed_decoder import ObservedDecoder
from tests.training.models import VOCABULARY
from tests.training.transformers_models import make, write

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]

CPU = torch.device("cpu")
NAMES = {
    "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
    "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
}  # fmt: skip
ROWS = np.random.default_rng(3).integers(0, VOCABULARY, (4, 32)).tolist()


def seen_by_transformers(model: Any) -> dict[str, Any]:
    """Sums of squares of what each matrix is given, by its name in GGUF."""
    found: dict[str, Any] = {}

    def hook(name: str) -> Any:
        def look(_: Any, given: Any) -> None:
            rows = given[0].reshape(-1, given[0].shape[-1])
            found[name] = found.get(name, 0) + rows.square().sum(0)

        return look

    for path, module in model.named_modules():
        parts = path.split(".")
        if parts[-1] in NAMES:
            module.register_forward_pre_hook(hook(f"blk.{parts[2]}.{NAMES[parts[-1]]}.weight"))
    with torch.no_grad():
        model(torch.tensor(ROWS))
    return found


@pytest.mark.parametrize("name", ["qwen3", "gemma3", "llama3"])
def test_it_is_what_the_matrices_are_given(name: str, tmp_path: Path) -> None:
    model = make(name).eval()
    base = write(model, tmp_path / "base.gguf")
    calibration = Calibration(ObservedDecoder(base, CPU))
    calibration.read(ROWS)
    imatrix = calibration.imatrix(["some.txt"], 32)
    expected = seen_by_transformers(model)
    assert imatrix.entries.keys() == expected.keys()
    assert imatrix.chunks == 4
    for tensor, entry in imatrix.entries.items():
        assert entry.counts.tolist() == [128]
        np.testing.assert_allclose(entry.squares[0], expected[tensor].numpy(), rtol=2e-3)
    Quantization(base, "Q4_0", imatrix=imatrix)


def test_each_expert_has_sums_of_its_own(tmp_path: Path) -> None:
    model = make("qwen3moe").eval()
    base = write(model, tmp_path / "base.gguf")
    calibration = Calibration(ObservedDecoder(base, CPU), process_output=True)
    calibration.read(ROWS)
    imatrix = calibration.imatrix([], 32)
    up, down = (imatrix.entries[f"blk.0.ffn_{side}_exps.weight"] for side in ("up", "down"))
    experts, used = model.config.num_experts, model.config.num_experts_per_tok
    assert up.squares.shape[0] == down.squares.shape[0] == experts
    assert up.counts.sum() == down.counts.sum() == 128 * used
    assert (up.squares[up.counts > 0] > 0).all()
    assert "output.weight" in imatrix.entries or "token_embd.weight" in imatrix.entries
    Quantization(base, "Q4_0", imatrix=imatrix)


def test_continued_it_is_as_if_at_once(tmp_path: Path) -> None:
    base = write(make("qwen3"), tmp_path / "base.gguf")
    decoder = ObservedDecoder(base, CPU)
    whole = Calibration(decoder)
    whole.read(ROWS)
    first = Calibration(decoder)
    first.read(ROWS[:1])
    rest = Calibration(decoder, begun=first.imatrix([], 32))
    for some in batches(ROWS[rest.chunks :], 2):
        rest.read(some)
    one, other = whole.imatrix([], 32), rest.imatrix([], 32)
    assert one.chunks == other.chunks == 4
    for name, entry in one.entries.items():
        np.testing.assert_allclose(entry.squares, other.entries[name].squares, rtol=1e-4)
        assert np.array_equal(entry.counts, other.entries[name].counts)
    both = first.imatrix(["a"], 32).added(other)
    assert both.chunks == 5


def test_chunks_begin_as_texts_do(tmp_path: Path) -> None:
    assert chunks_of(range(10), 4, None) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert chunks_of(range(10), 4, 99) == [[99, 1, 2, 3], [99, 5, 6, 7]]
    with pytest.raises(InvalidRequest, match="have 3 tokens, and a chunk has 4"):
        chunks_of(range(3), 4, None)
    assert beginning_token(write(make("qwen3"), tmp_path / "base.gguf")) is None


def test_a_model_with_broken_numbers_is_told(tmp_path: Path) -> None:
    model = make("qwen3")
    model.model.layers[1].mlp.gate_proj.weight.data[3, 5] = float("nan")
    base = write(model, tmp_path / "base.gguf")
    calibration = Calibration(ObservedDecoder(base, CPU))
    calibration.read(ROWS)
    with pytest.raises(BadModelFile, match=r"blk\.1\.ffn_down\.weight is given values"):
        calibration.imatrix([], 32)
