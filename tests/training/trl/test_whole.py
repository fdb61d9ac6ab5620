"""A whole model, to transformers and back: the same numbers."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest

from ingle.errors import BadModelFile
from ingle.training import merging
from ingle.training.trl import base
from ingle.training.trl.full_model import FullModel
from tests.training.models import write_base

pytestmark = pytest.mark.extras


@pytest.mark.parametrize("architecture", ["qwen3", "qwen2", "llama", "gemma3"])
def test_there_and_back(tmp_path: Path, architecture: str) -> None:
    file = write_base(
        tmp_path / "base.gguf", architecture=architecture, layers=1, width=64, wide=64,
        tied=architecture != "llama",
    )  # fmt: skip
    folder = base.folder_of(tmp_path, "sha256:x", "float32")
    base.write(file, folder, "float32")
    written = (folder / "model.safetensors").stat().st_mtime_ns
    base.write(file, folder, "float32")
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    out = tmp_path / "out.gguf"
    merging.write_gguf(FullModel(folder, file, "tiny", {"base": "sha256:x"}), out, "F32")
    # A model that was trained so is a base like any other; what it came from is replaced.
    again = tmp_path / "again.gguf"
    merging.write_gguf(FullModel(folder, out, "tiny", {"base": "sha256:y"}), again, "F32")
    before, after = gguf.GGUFReader(file), gguf.GGUFReader(again)
    assert after.fields["ingle.base"].contents() == "sha256:y"
    found = {tensor.name: tensor.data for tensor in after.tensors}
    assert found.keys() == {tensor.name for tensor in before.tensors}
    for tensor in before.tensors:
        np.testing.assert_allclose(found[tensor.name], tensor.data, rtol=1e-6, atol=1e-7)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    file = write_base(tmp_path / "base.gguf", layers=1, width=64, wide=64)
    folder = tmp_path / "half"
    base.write(file, folder, "float32")
    weights = folder / "model.safetensors"
    data = weights.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["model.norm.other"] = header.pop("model.norm.weight")
    line = json.dumps(header).encode()
    weights.write_bytes(len(line).to_bytes(8, "little") + line + data[8 + size :])
    with pytest.raises(BadModelFile, match=r"has no model\.norm\.weight"):
        FullModel(folder, file, "tiny", {})
