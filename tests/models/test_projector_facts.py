"""What the header of an image projector says, and what encoding a picture will take."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from ingle.errors import BadModelFile
from ingle.models.formats import find, read
from ingle.models.projector_facts import ProjectorFacts, projector_facts

from .weights import write_model, write_projector

CLIP_LARGE = {
    "image_size": 336,
    "patch_size": 14,
    "embedding_length": 1024,
    "feed_forward_length": 4096,
    "attention.head_count": 16,
    "block_count": 23,
}


def write(path: Path, arch: str = "clip", **numbers: int) -> Path:
    writer = gguf.GGUFWriter(path, arch)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    for name, value in numbers.items():
        writer.add_uint64(f"clip.vision.{name}", value)
    writer.add_tensor("v.patch_embd.weight", np.ones((4, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_header_says_what_it_sees_with(tmp_path: Path) -> None:
    found = projector_facts(write(tmp_path / "mmproj.gguf", **CLIP_LARGE))
    assert found == ProjectorFacts(
        type="mlp", sees=True, image_size=336, patch_size=14, embedding_length=1024,
        feed_forward_length=4096, heads=16, layers=23,
    )  # fmt: skip
    assert found.patches == 24 * 24
    assert 30 * 2**20 < found.compute_bytes < 60 * 2**20


def test_encoders_of_any_size_count_their_largest_picture() -> None:
    assert ProjectorFacts(image_size=560, patch_size=14, merge=2).patches == 4096 * 4
    assert ProjectorFacts(image_size=560, patch_size=14, max_pixels=14 * 14 * 99).patches == 99
    assert ProjectorFacts().compute_bytes == 0


def test_what_is_no_projector_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match=r"eye\.gguf is not a projector"):
        projector_facts(write_model(tmp_path / "eye.gguf"))
    with pytest.raises(BadModelFile, match=r"clip\.vision\.patch_size is 4294967296"):
        projector_facts(write(tmp_path / "mmproj.gguf", patch_size=2**32))


@pytest.mark.parametrize("kept", [0, 3, 100])
def test_a_model_with_a_damaged_projector_is_refused(tmp_path: Path, kept: int) -> None:
    write_model(tmp_path / "eye.gguf")
    path = write_projector(tmp_path / "mmproj-eye.gguf")
    path.write_bytes(path.read_bytes()[:kept])
    found = find(tmp_path)
    with pytest.raises(BadModelFile, match="mmproj-eye"):
        read(found.format, found.files)
