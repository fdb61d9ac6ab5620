"""From a person's lines to what is learnt, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("jinja2")

from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.training import preparation
from ingle.training.examples import Example, read_examples
from ingle.training.rendering import Renderer
from ingle.training.vocabulary import Vocabulary

pytestmark = pytest.mark.anyio
USER = {"role": "user", "content": "What is our motto?"}
ANSWER = {"role": "assistant", "content": "Embers glow."}


def lines(path: Path, *values: Any) -> Path:
    path.write_text("".join((v if isinstance(v, str) else json.dumps(v)) + "\n" for v in values))
    return path


@pytest.fixture
def renderer(ember: Path) -> Renderer:
    vocabulary = Vocabulary.of(ember)
    assert vocabulary.end == "<|im_end|>"
    return Renderer(vocabulary.template, vocabulary.begin, vocabulary.end)


def learnt(pieces: Any) -> str:
    return "".join(piece.text for piece in pieces if piece.learnt)


def read(pieces: Any) -> str:
    return "".join(piece.text for piece in pieces if not piece.learnt)


def test_only_the_answer_is_learnt(renderer: Renderer) -> None:
    (pieces,) = renderer.pieces(Example(1, [USER, ANSWER], []))
    assert learnt(pieces).endswith("Embers glow.<|im_end|>")
    assert "motto" in read(pieces)
    assert read(pieces).endswith("<|im_start|>assistant\n")
    by_prompt = Example(1, [], [], prompt=USER["content"], completion=ANSWER["content"])
    assert renderer.pieces(by_prompt) == [pieces]


def test_each_answer_is_learnt_after_what_was_before_it(renderer: Renderer) -> None:
    second = [{"role": "user", "content": "Again?"}, {"role": "assistant", "content": "Glow on."}]
    documents = renderer.pieces(Example(1, [USER, ANSWER, *second], []))
    assert [learnt(d).count("<|im_end|>") for d in documents] == [1, 1]
    assert "Embers glow." in read(documents[1])
    assert "Glow on." in learnt(documents[1])


def test_calls_are_learnt_and_their_results_are_not(renderer: Renderer) -> None:
    tool = {
        "type": "function",
        "function": {"name": "get_weather", "description": "", "parameters": {}},
    }
    call = {"function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    messages = [
        {"role": "system", "content": "Be brief."},
        USER,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "sunny"},
        {"role": "assistant", "content": "It is sunny."},
    ]
    calling, telling = renderer.pieces(Example(1, messages, [tool]))
    assert '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}' in learnt(calling)
    assert "sunny" not in learnt(calling) + read(calling)
    assert "sunny" in read(telling)
    assert "Be brief." in read(telling)
    assert learnt(telling).count("sunny") == 1


def test_text_is_learnt_whole(renderer: Renderer) -> None:
    (pieces,) = renderer.pieces(Example(1, [], [], text="Once upon a time."))
    assert learnt(pieces) == "Once upon a time.<|im_end|>"


def test_a_model_without_a_template() -> None:
    plain = Renderer("", "", "</s>")
    (pieces,) = plain.pieces(Example(1, [], [], prompt="2+2=", completion="4"))
    assert [(p.text, p.learnt) for p in pieces] == [("2+2=", False), ("4</s>", True)]
    with pytest.raises(CapabilityMissing, match="template"):
        plain.pieces(Example(1, [USER, ANSWER], []))


def test_a_template_of_a_stranger_reaches_nothing(renderer: Renderer) -> None:
    hostile = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(InvalidRequest, match="line 7"):
        Renderer(hostile, "", "").pieces(Example(7, [USER, ANSWER], []))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "no JSON"),
        ("[]", "neither messages"),
        ('{"messages": []}', "no message of the assistant"),
        ('{"messages": [{"role": "king", "content": "x"}]}', "known role"),
        ('{"messages": [{"role": "user", "content": 5}]}', "no text"),
        ('{"prompt": "x"}', "neither messages"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, what: str) -> None:
    path = lines(tmp_path / "d.jsonl", {"text": "fine"}, "", line)
    with pytest.raises(InvalidRequest, match=what) as error:
        list(read_examples(path))
    assert error.value.details["line"] == 3


def test_no_examples_at_all(tmp_path: Path) -> None:
    for path in (lines(tmp_path / "empty.jsonl"), tmp_path / "missing.jsonl"):
        with pytest.raises(InvalidRequest):
            list(read_examples(path))
    binary = tmp_path / "binary.jsonl"
    binary.write_bytes(b'{"text": "\xff\xfe"}\n')
    with pytest.raises(InvalidRequest, match="UTF-8"):
        list(read_examples(binary))


async def letters(text: str) -> list[int]:
    return [ord(letter) for letter in text]


async def test_some_examples_are_set_apart_and_leaks_are_told(
    tmp_path: Path, renderer: Renderer
) -> None:
    values = [{"text": f"example {number % 30}"} for number in range(40)]
    path = lines(tmp_path / "d.jsonl", *values)
    prepared = await preparation.prepare(
        path, tmp_path / "run", renderer, letters, sequence=100, vocabulary=1 << 20, share=0.25
    )
    assert prepared.validation is not None
    assert (prepared.train.documents, prepared.validation.documents) == (30, 10)
    assert prepared.train.twice + prepared.shared + prepared.validation.twice == 10
    assert len(prepared.sha256) == 64


async def test_few_examples_are_all_learnt(tmp_path: Path, renderer: Renderer) -> None:
    path = lines(tmp_path / "d.jsonl", {"prompt": "a", "completion": "b"})
    prepared = await preparation.prepare(
        path, tmp_path / "run", renderer, letters, sequence=1000, vocabulary=1 << 20
    )
    assert prepared.validation is None
    assert not (tmp_path / "run" / "validation").exists()
    assert prepared.train.learnt < prepared.train.tokens
