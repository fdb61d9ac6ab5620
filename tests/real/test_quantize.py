"""True weights, quantised here and by a real libllama: the same bytes, tensor for tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ingle.engines.llama.gguf_source import GgufSource
from ingle.quantize.file_quantization import Quantization
from tests.quantize.shapes import made_up_imatrix
from tests.quantize.upstream import Upstream
from tests.real.servers import PACKAGED
from tests.real.weights import GEMMA, QWEN, Weights

pytestmark = [pytest.mark.real, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def upstream() -> Upstream:
    library = PACKAGED.with_name("libllama.so")
    assert library.exists(), "make llama-server fetches it"
    return Upstream(library)


def written(quantization: Quantization, out: Path) -> Path:
    for _ in quantization.write(out):
        pass
    assert out.stat().st_size == quantization.layout.size
    return out


@pytest.mark.parametrize("weights", [GEMMA, QWEN], ids=lambda weights: weights.name)
@pytest.mark.parametrize(("file_type", "weighted"), [("Q4_K_M", False), ("IQ4_XS", True)])
def test_bytes_are_those_of_llama_cpp(
    weights: Weights, file_type: str, weighted: bool, upstream: Upstream, tmp_path: Path
) -> None:
    # What the file holds in few bits, as 16 bits: the original that both start from.
    original = written(Quantization(weights.path, "F16", requantize=True), tmp_path / "f16.gguf")
    imatrix = made_up_imatrix(original) if weighted else None
    ours = GgufSource(
        written(Quantization(original, file_type, imatrix=imatrix), tmp_path / "ours.gguf")
    )
    upstream.quantize(original, tmp_path / "theirs.gguf", file_type, imatrix)
    theirs = GgufSource(tmp_path / "theirs.gguf")
    tensors = {tensor.name: tensor for tensor in theirs.header.tensors}
    assert len(tensors) == len(ours.header.tensors)
    for tensor in ours.header.tensors:
        assert tensor.type == tensors[tensor.name].type, tensor.name
        assert np.array_equal(ours.bytes(tensor), theirs.bytes(tensors[tensor.name])), tensor.name
