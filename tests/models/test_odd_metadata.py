"""Files as they are in the wild: each loads with a note, or is refused with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import pytest

import ingle
from ingle import AsyncHome, Settings
from ingle.errors import BadModelFile
from ingle.models.facts import facts_of
from ingle.models.odd_metadata import notes_of

from .weights import CHATML, Shape, write_model

pytestmark = pytest.mark.anyio

SMALL = Shape(layers=1)
NO_PRE = {"tokenizer.ggml.pre": gguf.GGUFValue("", gguf.GGUFValueType.STRING)}
OUTSIDE = {"tokenizer.ggml.eos_token_id": gguf.GGUFValue(9_999_999, gguf.GGUFValueType.UINT32)}
GPT2 = {"tokenizer.ggml.model": "gpt2"}


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (GPT2, ["how texts are cut"]),
        ({**GPT2, "tokenizer.ggml.pre": ""}, ["how texts are cut"]),
        ({**GPT2, "tokenizer.ggml.pre": "qwen2"}, []),
        ({"tokenizer.ggml.model": "llama"}, []),
        ({"tokenizer.ggml.eos_token_id": 100}, ["eos token is 100, but it has only 100"]),
        ({"tokenizer.ggml.eos_token_id": 99, "tokenizer.ggml.bos_token_id": 0}, []),
        ({"tokenizer.ggml.bos_token_id": 4294967295}, ["bos token is 4294967295"]),
        ({"tokenizer.chat_template": "{{ messages }}"}, ["what ends an answer"]),
        ({"tokenizer.chat_template": CHATML}, []),
        ({"tokenizer.chat_template": "{{ messages }}", "tokenizer.ggml.eos_token_id": 2}, []),
        ({}, []),
    ],
)
def test_what_is_odd(metadata: dict[str, Any], said: list[str]) -> None:
    notes = notes_of(metadata, 100)
    assert len(notes) == len(said)
    for note, part in zip(notes, said, strict=True):
        assert part in note


async def noted(home: AsyncHome, path: Path) -> list[str]:
    """The notes of a file that is pulled, and still answers."""
    summary = await home.pull("odd", source=str(path))
    assert (await home.show("odd")).notes == summary.notes
    answer = await home.complete("Hello there", "odd", max_tokens=3, temperature=0.0)
    assert answer.usage.completion_tokens
    return summary.notes


async def test_without_a_pre_tokenizer_it_loads_with_a_note(
    settings: Settings, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "odd.gguf", SMALL, changed=NO_PRE)
    async with ingle.open_async(settings) as home:
        (note,) = await noted(home, path)
    assert "tokenizer.ggml.pre" in note


async def test_an_eos_that_is_no_token_is_noted(settings: Settings, tmp_path: Path) -> None:
    path = write_model(tmp_path / "odd.gguf", SMALL, changed=OUTSIDE)
    async with ingle.open_async(settings) as home:
        (note,) = await noted(home, path)
    assert "eos token is 9999999" in note


def with_tensors(path: Path, *names: str) -> Path:
    """The header of a model whose tensors have these names."""
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    data = bytearray(path.read_bytes())
    data[8:16] = len(names).to_bytes(8, "little")
    for number, name in enumerate(names):
        data += len(name).to_bytes(8, "little") + name.encode()
        data += (1).to_bytes(4, "little") + (32).to_bytes(8, "little")
        data += (0).to_bytes(4, "little") + (number * 128).to_bytes(8, "little")
    data += bytes(-len(data) % 32 + 128 * len(names))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("output.weight", "output.weight"), "two tensors have the same name"),
        (("output.weight", ""), "tensor 1 has no name"),
    ],
)
def test_tensors_that_no_engine_can_tell_apart(
    tmp_path: Path, names: tuple[str, ...], said: str
) -> None:
    with pytest.raises(BadModelFile, match=said):
        facts_of([with_tensors(tmp_path / "odd.gguf", *names)])
