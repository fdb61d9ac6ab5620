"""Every tensor type that can be trained on, number for number."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch
from gguf.constants import GGMLQuantizationType

from ingle.errors import CapabilityMissing
from ingle.models.tensor_types import TENSOR_TYPES
from ingle.training.pytorch.dequantize import check, dequantize
from tests.training.models import random_blocks

pytestmark = pytest.mark.extras

TYPES = {kind.name: kind for kind in TENSOR_TYPES.values()}


@pytest.mark.parametrize("name", ["Q8_0", "Q4_0", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"])
def test_a_quantised_type(name: str) -> None:
    blocks = random_blocks(GGMLQuantizationType[name], 50)
    expected = gguf.quants.dequantize(blocks, GGMLQuantizationType[name]).reshape(-1)
    found = dequantize(torch.from_numpy(blocks), TYPES[name], torch.float32).numpy()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["F32", "F16", "BF16"])
def test_a_plain_type(name: str) -> None:
    values = np.random.default_rng(0).standard_normal((4, 32)).astype(np.float32)
    data = gguf.quants.quantize(values, GGMLQuantizationType[name])
    raw = torch.from_numpy(np.ascontiguousarray(data).view(np.uint8).reshape(-1).copy())
    found = dequantize(raw, TYPES[name], torch.float32).numpy().reshape(4, 32)
    np.testing.assert_allclose(found, values, rtol=1e-2 if name != "F32" else 0)


def test_a_type_that_is_not_known_is_named() -> None:
    with pytest.raises(CapabilityMissing, match=r"IQ1_S.*Q4_K"):
        check(TYPES["IQ1_S"])
