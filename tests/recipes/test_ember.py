"""The recipe of the embedded model: its pieces, and all of its stages at scale `tiny`."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import gguf
import jinja2
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from recipes.ember import chat, readers, tasks  # noqa: E402
from recipes.ember.tasks.draw import Draw  # noqa: E402
from recipes.ember.tasks.facts import Command, Facts, Passage  # noqa: E402

from ingle.operations.parameters import conversation_in_order  # noqa: E402

pytestmark = pytest.mark.extras

TAR = Command(
    "tar", "an archiving utility", "train", "tar [OPTION...] [FILE]...",
    [(["-x", "--extract"], "Extract files from an archive"), (["-v"], "Say what is done"),
     (["-z", "--gzip"], "Filter the archive through gzip")],
)  # fmt: skip
TEXT = "The archive is a single file that holds other files. It can be read from a tape. " * 3
PASSAGES = [Passage("tar", "Archives", TEXT, s) for s in ("train", "validation", "test")] * 3
FACTS = Facts([TAR], PASSAGES)


def templated(
    conversation: chat.Conversation, messages: list[chat.Message], **options: object
) -> str:
    environment = jinja2.Environment()
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    template = environment.from_string(chat.TEMPLATE)
    messages, tools = conversation_in_order(messages, conversation.tools)
    return str(template.render(tools=tools or None, messages=messages, **options))


@pytest.mark.parametrize("name", tasks.TASKS)
def test_training_text_is_what_the_template_makes(name: str) -> None:
    for index in range(40):
        conversation = tasks.one(FACTS, name, "train", index)
        prompt, answer = chat.render(conversation)
        assert prompt == templated(
            conversation,
            messages=conversation.messages[:-1],
            add_generation_prompt=True,
            enable_thinking=conversation.thinking,
        )
        whole = templated(conversation, messages=conversation.messages)
        assert prompt + answer + "\n" == whole


def test_an_answer_without_thinking_has_no_reasoning() -> None:
    final = {"role": "assistant", "content": "4", "reasoning_content": "2+2=4"}
    conversation = chat.Conversation([{"role": "user", "content": "2+2?"}, final])
    prompt, answer = chat.render(conversation)
    assert prompt.endswith("<think>\n\n</think>\n\n")
    assert answer == "4<|im_end|>"
    prompt, answer = chat.render(dataclasses.replace(conversation, thinking=True))
    assert prompt.endswith("<|im_start|>assistant\n")
    assert answer == "<think>\n2+2=4\n</think>\n\n4<|im_end|>"


def test_thinking_is_on_unless_switched_off() -> None:
    conversation = chat.Conversation([{"role": "user", "content": "hi"}])
    text = templated(conversation, messages=conversation.messages, add_generation_prompt=True)
    assert text == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_a_conversation_depends_on_its_seed_alone() -> None:
    assert tasks.generate(FACTS, "train", 7) == tasks.generate(FACTS, "train", 7)
    assert tasks.generate(FACTS, "train", 7) != tasks.generate(FACTS, "train", 8)


def test_training_and_test_draw_from_different_phrasings() -> None:
    options = [str(i) for i in range(23)]
    train = {Draw("train", str(i)).of(options) for i in range(2000)}
    test = {Draw("test", str(i)).of(options) for i in range(2000)}
    assert not train & test
    assert train | test == set(options[:20]) | train


def test_roff_becomes_text_with_headings_and_options() -> None:
    page = (
        ".TH TAR 1\n.SH NAME\ntar \\- an archiving utility\n.SH OPTIONS\n.TP\n"
        "\\fB\\-x\\fR, \\fB\\-\\-extract\\fR\nExtract files from an archive.\n"
    )
    text = readers.read_roff(page)
    assert "## NAME\n\ntar - an archiving utility" in text
    assert "-x, --extract\n    Extract files from an archive." in text


def test_help_becomes_text_with_headings() -> None:
    page = (
        '<?xml version="1.0"?><!DOCTYPE book [<!ENTITY app "X">]><page><info><desc>no</desc></info>'
        "<title>Open a file</title><p>Press <gui>Open</gui> in &kate;.</p><list><item><p>One</p>"
        "</item></list></page>"
    )
    assert readers.read_help(page) == "## Open a file\n\nPress Open in kate.\n\n- One"


@pytest.mark.timeout(600)
def test_tiny_runs_every_stage(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "recipes.ember", "--scale", "tiny", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    fields = gguf.GGUFReader(tmp_path / "ember.gguf").fields
    assert fields["general.architecture"].contents() == "qwen3"
    assert fields["tokenizer.chat_template"].contents() == chat.TEMPLATE
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["same_tokens"][0] == figures["same_tokens"][1] > 0
    assert figures["leakage"]["over_1_percent"] == 0
    assert set(figures["bits_per_byte"]) == {"ember", "5-gram", "gzip"}
    assert figures["quantisation"]["Q8_0"]["kl"] < figures["quantisation"]["Q4_0"]["kl"]
    assert "95 %" in (tmp_path / "ember.md").read_text()
