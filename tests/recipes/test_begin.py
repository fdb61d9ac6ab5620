"""A run that begins with a GGUF file: its weights and its tokenizer, as they were written."""

from __future__ import annotations

import sys
from pathlib import Path

import gguf
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from recipes.ember import begin, chat, embed, export, model, tokenizer  # noqa: E402
from recipes.ember.scale import TINY  # noqa: E402

pytestmark = pytest.mark.extras

EMBER = ROOT / "src" / "ingle" / "models" / "embedded" / "ember.gguf"


def test_what_ships_is_read_and_written_back_byte_for_byte(tmp_path: Path) -> None:
    begin.write(EMBER, tmp_path)
    network = model.load(tmp_path / begin.FILE)
    export.write("ember", network, tmp_path, tmp_path / "again.gguf")
    before, after = gguf.GGUFReader(EMBER), gguf.GGUFReader(tmp_path / "again.gguf")
    for name in ("tokens", "merges", "token_type", "eos_token_id"):
        field = f"tokenizer.ggml.{name}"
        assert before.fields[field].contents() == after.fields[field].contents()
    for old, new in zip(before.tensors, after.tensors, strict=True):
        assert (old.name, old.tensor_type) == (new.name, new.tensor_type)
        differing = (old.data != new.data).mean()
        assert differing < 0.02, old.name  # begun.pt is bf16
    loaded = tokenizer.load(tmp_path)
    ids = loaded.encode(f"{chat.TURN_START}user\nHow late is it?{chat.TURN_END}").ids
    assert loaded.decode(ids[1:-1], skip_special_tokens=False) == "user\nHow late is it?"
    assert ids[0] == loaded.token_to_id(chat.TURN_START)


def test_an_embedder_continues_with_the_tokenizer_of_its_run(tmp_path: Path) -> None:
    shipped = EMBER.with_name("ember-embed.gguf")
    begin.write(EMBER, tmp_path)
    begin.write_embedder(shipped, tmp_path)
    network = embed.begun(TINY, tmp_path)
    reader = gguf.GGUFReader(shipped)
    assert network.config.layers == reader.fields["qwen3.block_count"].contents()
    other = tmp_path / "other"
    other.mkdir()
    tokenizer.of_pieces([chr(256 + n) for n in range(99)], []).save(str(other / tokenizer.FILE))
    with pytest.raises(ValueError, match="another tokenizer"):
        begin.write_embedder(shipped, other)


def test_another_models_file_is_refused(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "other.gguf", "llama")
    writer.add_block_count(1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ValueError, match="not one that this recipe wrote"):
        begin.write(tmp_path / "other.gguf", tmp_path)
