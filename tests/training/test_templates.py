"""Conversations for bases without a chat template: one is given, and served with the adapter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ingle.client.home import AsyncHome
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.models.gguf import read_header
from ingle.operations import AdapterUse
from ingle.training.batch import IGNORE
from ingle.training.dataset import Dataset
from tests.cli.place import Place, ended
from tests.training.models import write_base
from tests.training.watched import SMALL

pytestmark = [pytest.mark.extras, pytest.mark.anyio, pytest.mark.timeout(240)]

LONGER = {**SMALL, "max_length": 64}
PLAIN = (
    "{% for message in messages %}{{ message['role'] }}:{{ message['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    path = tmp_path / "chats.jsonl"
    rows = [
        {"messages": [{"role": "user", "content": chr(97 + n) * 3},
                      {"role": "assistant", "content": chr(98 + n) * 3}]}
        for n in range(24)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


async def test_an_adapter_is_served_with_the_template_of_its_run(
    home: AsyncHome, chats: Path, tmp_path: Path
) -> None:
    with pytest.raises(CapabilityMissing, match="no chat template") as error:
        await home.train("tiny", chats, **LONGER, max_steps=1)
    assert "--template" in error.value.hint
    file = tmp_path / "plain.jinja"
    file.write_text(PLAIN)
    run = await home.train("tiny", chats, "plain", **LONGER, max_steps=1, template=str(file))
    plan = (await home.show_run("plain")).plan
    assert plan["template"] == PLAIN
    path = Path(run.folder) / "adapter.gguf"
    assert read_header(path).metadata["tokenizer.chat_template"] == PLAIN
    assert (Path(run.folder) / "peft" / "chat_template.jinja").read_text() == PLAIN
    # The prompt of a chat is what was read before the answer in training, token for token.
    labels = Dataset(Path(run.folder) / "train", 64).batch([[0]]).labels[0]
    with pytest.raises(CapabilityMissing, match="cannot chat"):
        await home.chat("tiny").send("aaa", max_tokens=1)
    answer = await home.chat(f"tiny+{run.adapter}").send("aaa", max_tokens=1)
    assert answer.usage.prompt_tokens == np.flatnonzero(labels != IGNORE)[0] + 1


async def test_adapters_of_different_templates_are_not_mixed(home: AsyncHome, chats: Path) -> None:
    names = []
    for name, template in (("one", PLAIN), ("two", "chatml")):
        run = await home.train("tiny", chats, name, **LONGER, max_steps=1, template=template)
        names.append(run.adapter)
    both = [AdapterUse(name=name) for name in names]
    with pytest.raises(InvalidRequest, match="different chat templates"):
        await home.chat("tiny").send("aaa", max_tokens=1, adapters=both)
    # The base has no <|im_end|>: its own end takes that place.
    template = str((await home.show_run("two")).plan["template"])
    assert "<|im_end|>" not in template
    assert "<|end|>" in template


async def test_what_is_no_template_is_refused(home: AsyncHome, chats: Path, tmp_path: Path) -> None:
    for given, match in (
        ("nonsense", "well known are chatml, gemma, llama3"),
        ("{{ .Prompt }}", "Go template"),
        ("{{ nothing }}", "does not mention messages"),
    ):
        with pytest.raises(InvalidRequest, match=match):
            await home.train("tiny", chats, **LONGER, max_steps=1, template=given)
    with pytest.raises(CapabilityMissing, match="<end_of_turn>, which is not a token") as error:
        await home.train("tiny", chats, **LONGER, max_steps=1, template="gemma")
    assert error.value.hint == "--template chatml"
    (tmp_path / "bytes.jinja").write_bytes(b"\xff\xfe{{ messages }}")
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        await home.train("tiny", chats, **LONGER, template=str(tmp_path / "bytes.jinja"))
    assert await home.runs() == []


def test_from_the_command_line(tmp_path: Path, chats: Path) -> None:
    place = Place(tmp_path)
    try:
        write_base(tmp_path / "tiny.gguf", kind="Q8_0")
        place.ok("pull", "./tiny.gguf")
        preview = place.ok(
            "train", "tiny", "--data", str(chats), "--template", "chatml", "--preview"
        )
        assert "<|im_start|>assistant\n[[bbb<|end|>]]" in preview.out
        how = ["--max-steps", "1", "--lora-rank", "2", "--max-length", "64", "--template", "chatml"]
        trained = ended(place.start("train", "tiny", "--data", str(chats), *how), seconds=200)
        assert trained.status == 0, trained
        assert "the base  (it has no chat template)" in trained.err
        assert "template" not in place.ok("run", "tiny+chats", "-n", "2", "hello").err
        # The base alone only continues a text, and says so.
        alone = place.ok("run", "tiny", "-n", "2", "hello")
        assert "tiny has no chat template: it continues the text" in alone.err
        refused = place.ingle("run", "tiny", "--system", "Be brief.", "hello", "--json")
        assert refused.error["code"] == "capability_missing"
        refused = place.ingle("run", "ember-embed", "hello", "--json")
        assert "cannot chat; it can: embed" in refused.error["message"]
    finally:
        place.close()
