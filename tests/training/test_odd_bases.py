"""Bases whose templates are broken, endless or ask for the date; vocabularies without an end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingle.capabilities.train.operation import TrainingNote
from ingle.client.home import AsyncHome, open_async
from ingle.config import Settings
from ingle.errors import BadModelFile, CapabilityMissing, IngleError, ModelLoadFailed
from ingle.models.store import Store
from ingle.operations import Event
from ingle.training import template_check
from tests.cli.place import Place
from tests.training.models import write_base
from tests.training.test_prompts import ANSWER, PLAIN, ZEPHYR
from tests.training.vocabularies import END, SmallVocabulary
from tests.training.watched import SMALL

pytestmark = [pytest.mark.extras, pytest.mark.anyio, pytest.mark.timeout(240)]

LOOP = (
    "{% for i in range(100000) %}{% for j in range(100000) %}{% set x = i %}{% endfor %}"
    "{% endfor %}"
)
DATED = (
    "{{ strftime_now('%Y') }}\n{% for m in messages %}{% if m.role == 'tool' %}{% continue %}"
    "{% endif %}{% if loop.index > 9 %}{% break %}{% endif %}<|{{ m.role }}|>\n{{ m.content }}"
    "{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def keep(settings: Settings, folder: Path, vocabulary: SmallVocabulary) -> Path:
    path = write_base(
        folder / "odd.gguf", kind="Q8_0", layers=1, width=64, wide=64, vocabulary=vocabulary
    )
    Store(settings.models_path).add_path(path, "odd")
    return path


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    path = tmp_path / "chats.jsonl"
    path.write_text(json.dumps({"messages": [*PLAIN, ANSWER]}) + "\n")
    return path


async def trained(home: AsyncHome, data: Path, **how: Any) -> list[str]:
    """What a run of one step says."""
    heard: list[Event] = []
    how = {**SMALL, "max_length": 128, "max_steps": 1, **how}
    await home.train("odd", data, "run", on_event=heard.append, **how)
    return [event.text for event in heard if isinstance(event, TrainingNote)]


@pytest.mark.parametrize(
    ("template", "error", "what"),
    [
        (ZEPHYR + "{% for", ModelLoadFailed, "could not load odd: .*Parser Error"),
        (ZEPHYR + "{{ nothing() }}", ModelLoadFailed, "could not load odd: .*not a function"),
        (ZEPHYR + LOOP, BadModelFile, "does not come to an end"),
    ],
)
async def test_a_template_that_cannot_be_used_is_said_and_nothing_is_left(
    tmp_path: Path, settings: Settings, chats: Path, template: str,
    error: type[IngleError], what: str,
) -> None:  # fmt: skip
    keep(settings, tmp_path, SmallVocabulary("bpe", template))
    async with open_async(settings) as home:
        with pytest.raises(error, match=f"(?s){what}") as raised:
            await trained(home, chats)
        assert raised.value.hint
        assert await home.runs() == []


async def test_a_template_that_asks_for_the_date_is_trained(
    tmp_path: Path, settings: Settings, chats: Path
) -> None:
    keep(settings, tmp_path, SmallVocabulary("bpe", DATED))
    async with open_async(settings) as home:
        assert any("1 examples" in note for note in await trained(home, chats))


@pytest.mark.parametrize("kind", ["spm", "bpe"])
async def test_a_vocabulary_without_a_beginning_and_an_end(
    tmp_path: Path, settings: Settings, chats: Path, kind: str
) -> None:
    keep(settings, tmp_path, SmallVocabulary(kind, ZEPHYR, end="", begin=False))
    async with open_async(settings) as home:
        with pytest.raises(CapabilityMissing, match="names no token that ends a turn"):
            await trained(home, chats, reward_funcs=["finished"], max_completion_length=8)
        assert any("trained on without an end" in note for note in await trained(home, chats))


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(10 ** 10) %}{% endfor %}",
        "{{ 'x' * 10 ** 12 }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}"
        "{% endfor %}",
    ],
)
def test_an_endless_template_is_found_in_a_second_of_work(template: str) -> None:
    with pytest.raises(BadModelFile, match="the chat template of base does not come to an end"):
        template_check.check(template, "base")


@pytest.mark.parametrize(
    "template", [ZEPHYR, DATED, "{% generation %}{% endgeneration %}", "{{ unknown.a.b }}"]
)
def test_what_else_is_wrong_with_a_template_is_left_to_the_engine(template: str) -> None:
    template_check.check(template, "base")


def test_a_preview_shows_tokens_and_refuses_what_training_does(tmp_path: Path) -> None:
    place = Place(tmp_path)
    try:
        data = tmp_path / "chats.jsonl"
        data.write_text(json.dumps({"messages": [*PLAIN, ANSWER, PLAIN[-1], ANSWER]}) + "\n")
        for name, template in (("good", ZEPHYR), ("endless", ZEPHYR + LOOP)):
            vocabulary = SmallVocabulary("bpe", template, None, END)
            write_base(
                tmp_path / f"{name}.gguf", layers=1, width=64, wide=64, vocabulary=vocabulary
            )
            place.ok("pull", f"./{name}.gguf")
        how = ("--data", str(data), "--preview")
        shown = place.ok("train", "good", *how, "--tokens")
        first, second = shown.out.split("--- chats.jsonl, line 1\n")[1:]
        assert "tokens: 256 " in first
        assert "257]]" in first
        assert first.count("assistant") < second.count("assistant")
        ids = place.ok("train", "good", *how, "--json").data
        assert ids[0][0]["tokens"][0] == 256
        assert [span["learnt"] for span in ids[0]] == [False, True]
        assert len(place.ok("train", "good", *how, "--json", "--last-turn-only").data) == 1
        refused = place.ingle("train", "endless", *how, "--json")
        assert refused.error["code"] == "bad_model_file"
    finally:
        place.close()
