"""What transformers makes of a base's tokeniser, against the engine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ingle.client.home import open_async
from ingle.config import Settings
from ingle.errors import CapabilityMissing
from ingle.training.examples import RowPosition
from ingle.training.examples.question import Question
from ingle.training.trl.inside import tokenizer
from ingle.training.vocabulary import Vocabulary
from tests.training.models import write_base
from tests.training.rendering import renderer_of

pytestmark = [pytest.mark.extras, pytest.mark.anyio]
TEXTS = (
    "What is the motto of the ember guild?", "It's 12,345.67 euros — “naïve” Größe!\n\n\tif x:",
    "日本語 and emoji 🔥🔥", "  two  spaces\r\nand more   ", "<|im_start|>user\nHello<|im_end|>\n",
)  # fmt: skip


async def test_it_says_what_the_engine_says(
    ember: Path, settings: Settings, tmp_path: Path
) -> None:
    job: Any = SimpleNamespace(base=str(tmp_path), gguf=str(ember))
    read = tokenizer.of(job)
    assert sorted(path.name for path in tmp_path.iterdir())[:1] == ["chat_template.jinja"]
    kept = tokenizer.of(job)
    messages = [{"role": "user", "content": TEXTS[1]}]
    with renderer_of(ember) as renderer:
        rendered = (await renderer.prompt(Question(RowPosition(1), messages, [], {}))).text
    assert kept.apply_chat_template(messages, add_generation_prompt=True, tokenize=False) == (
        rendered
    )  # fmt: skip
    end = Vocabulary.of(ember).end
    async with open_async(settings) as home:
        for text in (*TEXTS, rendered):
            tokens = await home.tokenize(text, "ember")
            for one in (read, kept):
                assert one(text, add_special_tokens=False)["input_ids"] == tokens, text
                assert one.decode(tokens) == text
        (number,) = await home.tokenize(end, "ember")
    assert kept.convert_ids_to_tokens(number) == end


def test_one_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.gguf")  # a merge makes what the vocabulary has not
    job: Any = SimpleNamespace(base=str(tmp_path / "folder"), gguf=str(base))
    with pytest.raises(CapabilityMissing, match=r"tokeniser of base\.gguf"):
        tokenizer.of(job)
