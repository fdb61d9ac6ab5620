"""Every tensor type that can be trained on, number for number."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch
from gguf.constants import GGMLQuantizationType

from ingle.models.tensor_types import TENSOR_TYPES
from ingle.training.base_types import TRAINABLE
from ingle.training.pytorch.dequantize import SUPPORTED, dequantize
from tests.training.engine_numbers import engine_numbers
from tests.training.models import random_blocks

pytestmark = pytest.mark.extras

TYPES = {kind.name: kind for kind in TENSOR_TYPES.values()}
PLAIN = ("F32", "F16", "BF16")


@pytest.mark.parametrize("name", [name for name in TRAINABLE if name not in PLAIN])
def test_a_quantised_type_has_the_engines_numbers(name: str) -> None:
    blocks = random_blocks(GGMLQuantizationType[name], 50)
    found = dequantize(torch.from_numpy(blocks), TYPES[name], torch.float32).numpy()
    np.testing.assert_array_equal(found, engine_numbers(blocks, name))
    assert len(set(found.tolist())) > 2


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_type(name: str) -> None:
    values = np.random.default_rng(0).standard_normal((4, 32)).astype(np.float32)
    data = gguf.quants.quantize(values, GGMLQuantizationType[name])
    raw = torch.from_numpy(np.ascontiguousarray(data).view(np.uint8).reshape(-1).copy())
    found = dequantize(raw, TYPES[name], torch.float32).numpy().reshape(4, 32)
    np.testing.assert_allclose(found, values, rtol=1e-2 if name != "F32" else 0)


def test_all_of_them_can_be_read() -> None:
    assert set(SUPPORTED) == set(TRAINABLE)


def test_mxfp4_has_the_smallest_exponents() -> None:
    blocks = random_blocks(GGMLQuantizationType.MXFP4, 4)
    blocks[:, 0] = [0, 1, 2, 254]
    found = dequantize(torch.from_numpy(blocks), TYPES["MXFP4"], torch.float32).numpy()
    np.testing.assert_array_equal(found, engine_numbers(blocks, "MXFP4"))
