"""From a person's lines to what is learnt, and nothing else."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingle.capabilities.tokenize.operation import Tokenize, Tokenized
from ingle.errors import CapabilityMissing, InvalidRequest, ModelLoadFailed, NotFound
from ingle.training import preparation
from ingle.training.examples import Columns, Example, RowPosition, Source
from ingle.training.rendering import LONGEST, Renderer
from tests.training.models import write_base
from tests.training.rendering import renderer_of
from tests.training.vocabularies import CLOSE, SmallVocabulary

pytestmark = [pytest.mark.extras, pytest.mark.anyio]
USER = {"role": "user", "content": "What is our motto?"}
ANSWER = {"role": "assistant", "content": "Embers glow."}


def lines(path: Path, *values: Any) -> Path:
    path.write_text("".join((v if isinstance(v, str) else json.dumps(v)) + "\n" for v in values))
    return path


@pytest.fixture(scope="module")
def renderer(ember: Path) -> Iterator[Renderer]:
    with renderer_of(ember) as opened:
        yield opened


def with_template(folder: Path, template: str) -> Path:
    """A base with a template."""
    vocabulary = SmallVocabulary("bpe", template, add_bos=False, end=CLOSE)
    return write_base(folder / "base.gguf", layers=1, width=64, wide=64, vocabulary=vocabulary)


def learnt(pieces: Any) -> str:
    return "".join(piece.text for piece in pieces if piece.learnt)


def read(pieces: Any) -> str:
    return "".join(piece.text for piece in pieces if not piece.learnt)


async def test_only_the_answer_is_learnt(renderer: Renderer) -> None:
    (pieces,) = await renderer.documents(Example(RowPosition(1), [USER, ANSWER], []))
    assert learnt(pieces).endswith("Embers glow.<|im_end|>")
    assert "motto" in read(pieces)
    assert read(pieces).endswith("<|im_start|>assistant\n")
    by_prompt = Example(
        RowPosition(1), [], [], prompt=USER["content"], completion=ANSWER["content"]
    )
    assert await renderer.documents(by_prompt) == [pieces]


async def test_each_answer_is_learnt_after_what_was_before_it(renderer: Renderer) -> None:
    second = [{"role": "user", "content": "Again?"}, {"role": "assistant", "content": "Glow on."}]
    documents = await renderer.documents(Example(RowPosition(1), [USER, ANSWER, *second], []))
    assert [learnt(d).count("<|im_end|>") for d in documents] == [1, 1]
    assert "Embers glow." in read(documents[1])
    assert "Glow on." in learnt(documents[1])


async def test_calls_are_learnt_and_their_results_are_not(renderer: Renderer) -> None:
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
    calling, telling = await renderer.documents(Example(RowPosition(1), messages, [tool]))
    assert '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}' in learnt(calling)
    assert "sunny" not in learnt(calling) + read(calling)
    assert "sunny" in read(telling)
    assert "Be brief." in read(telling)
    assert learnt(telling).count("sunny") == 1


async def test_calls_are_learnt_in_the_order_in_which_an_engine_takes_them(
    renderer: Renderer,
) -> None:
    properties = {"guests": {"type": "integer"}, "restaurant": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": ["restaurant"]}
    tool = {"type": "function", "function": {"name": "book", "parameters": schema}}
    call = {"function": {"name": "book", "arguments": {"guests": 4, "restaurant": "Lion"}}}
    messages = [USER, {"role": "assistant", "content": "", "tool_calls": [call]}]
    (calling,) = await renderer.documents(Example(RowPosition(1), messages, [tool]))
    assert '"arguments": {"restaurant": "Lion", "guests": 4}}' in learnt(calling)
    shown = read(calling)
    assert shown.index('"restaurant": {') < shown.index('"guests": {')


async def test_text_is_learnt_whole(renderer: Renderer) -> None:
    (pieces,) = await renderer.documents(Example(RowPosition(1), [], [], text="Once upon a time."))
    assert learnt(pieces) == "Once upon a time.<|im_end|>"


async def test_a_model_without_a_template(tmp_path: Path) -> None:
    with renderer_of(with_template(tmp_path, "")) as plain:
        by_prompt = Example(RowPosition(1), [], [], prompt="2+2=", completion="4")
        (pieces,) = await plain.documents(by_prompt)
        assert [(p.text, p.learnt) for p in pieces] == [("2+2=", False), ("4<|im_end|>", True)]
        with pytest.raises(CapabilityMissing, match="template"):
            await plain.documents(Example(RowPosition(1), [USER, ANSWER], []))


async def test_a_template_of_a_stranger_reaches_nothing(tmp_path: Path) -> None:
    hostile = "{{ messages[0].content }}{{ ''.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(ModelLoadFailed), renderer_of(with_template(tmp_path, hostile)):
        pass


async def test_a_conversation_that_the_template_refuses_is_named(tmp_path: Path) -> None:
    picky = (
        "{% for m in messages %}{% if m.content == 'king' %}{{ raise_exception('no kings') }}"
        "{% endif %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    with renderer_of(with_template(tmp_path, picky)) as opened:
        await opened.documents(Example(RowPosition(6), [USER, ANSWER], []))
        king = {"role": "user", "content": "king"}
        with pytest.raises(
            InvalidRequest,
            match=r"line 7: the model's template refuses the conversation: no kings$",
        ) as error:
            await opened.documents(Example(RowPosition(7), [king, ANSWER], []))
        assert error.value.details["line"] == 7


def every(path: Path, columns: str = "") -> list[Example]:
    return list(Source.find(path, Columns(columns)).examples())


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "not valid JSON"),
        ("[]", "not an object"),
        ('{"messages": []}', "no assistant message"),
        ('{"messages": "x"}', "not valid JSON"),
        ('{"messages": [{"role": "king", "content": "x"}]}', "unknown role 'king'"),
        ('{"messages": [{"role": "user", "content": 5}]}', "not text"),
        ('{"messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]}', "a name"),
        ('{"messages": [{"role": "assistant", "tool_calls": [{"name": "f", "arguments": "x"}]}]}',
         "not a JSON object"),
        ('{"conversations": [{"from": "ghost", "value": "boo"}]}', "unknown role 'ghost'"),
        ('{"prompt": "x"}', "its columns are: prompt"),
        ('{"prompt": "x", "completion": ""}', "empty answer"),
        ("[" * 100_000, "not valid JSON"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(tmp_path: Path, line: str, what: str) -> None:
    path = lines(tmp_path / "d.jsonl", {"text": "fine"}, "", line)
    with pytest.raises(InvalidRequest, match=what) as error:
        every(path)
    assert error.value.details["line"] == 3
    assert "d.jsonl, line 3" in error.value.message


def test_no_examples_at_all(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no examples"):
        every(lines(tmp_path / "empty.jsonl"))
    with pytest.raises(NotFound):
        every(tmp_path / "missing.jsonl")
    (tmp_path / "picture.png").write_bytes(b"x")
    with pytest.raises(InvalidRequest, match=r"supported: \.jsonl"):
        every(tmp_path / "picture.png")
    binary = tmp_path / "binary.jsonl"
    binary.write_bytes(b'{"text": "\xff\xfe"}\n')
    with pytest.raises(InvalidRequest, match="UTF-8"):
        every(binary)


async def test_some_examples_are_set_apart_and_leaks_are_told(
    tmp_path: Path, renderer: Renderer
) -> None:
    values = [{"text": f"example {number % 30}"} for number in range(40)]
    path = lines(tmp_path / "d.jsonl", *values)
    prepared = await preparation.prepare(
        Source.find(path),
        tmp_path / "run",
        renderer,
        sequence=100,
        vocabulary=1 << 20,
        share=0.25,
    )
    assert prepared.validation is not None
    assert (prepared.train.documents, prepared.validation.documents) == (30, 10)
    assert prepared.train.twice + prepared.shared + prepared.validation.twice == 10
    assert len(prepared.sha256) == 64


@pytest.mark.parametrize("unit", ["a line\n", "words ", "\U0001f525"])
async def test_a_text_of_any_length_is_tokenised(unit: str) -> None:
    text = unit * (3 * LONGEST // len(unit))
    begun: list[bool] = []

    async def ask(question: Tokenize) -> Tokenized:
        assert question.text.endswith(unit)
        begun.append(question.add_special)
        return Tokenized(tokens=[ord(letter) for letter in question.text], text=question.text)

    plain = Renderer(ask, model="m", template=False, end="")
    ((found,),) = await plain.documents(Example(RowPosition(1), [], [], text=text))
    assert found.tokens == [ord(letter) for letter in text]
    assert begun == [True] + [False] * (len(begun) - 1)
    assert len(begun) >= 5


async def test_a_long_text_is_learned_in_chunks(tmp_path: Path, renderer: Renderer) -> None:
    text = " ".join(str(number) for number in range(400))
    path = lines(tmp_path / "d.jsonl", {"text": text}, {"text": "short"})
    prepared = await preparation.prepare(
        Source.find(path), tmp_path / "run", renderer, sequence=64, vocabulary=1 << 20
    )
    ((whole,),) = await renderer.documents(Example(RowPosition(1), [], [], text=text))
    tokens = np.fromfile(tmp_path / "run" / "train" / "tokens.bin", dtype=np.uint32).tolist()
    starts = np.load(tmp_path / "run" / "train" / "starts.npy").tolist()
    parts = [tokens[a:b] for a, b in itertools.pairwise(starts)][:-1]
    assert max(map(len, parts)) == 64
    assert parts[0] + [token for part in parts[1:] for token in part[1:]] == whole.tokens
    assert all(one[-1] == other[0] for one, other in itertools.pairwise(parts))
    short = len(tokens) - starts[-2]
    assert prepared.train.learnt == len(whole.tokens) - 1 + short - 1
    assert (prepared.train.cut, prepared.train.lost, prepared.chunked) == (0, 0, 1)
    assert "1 text longer than 64 tokens" in " ".join(prepared.sentences(64))


async def test_answers_that_are_masked_are_read(tmp_path: Path, ember: Path) -> None:
    mute = {"role": "assistant", "content": "Red.", "weight": 0}
    both = [{"messages": [USER, mute, USER, ANSWER], "id": 7}, {"messages": [USER, mute]}]
    twice = {"messages": [USER, {**ANSWER, "content": "Glow."}, USER, ANSWER]}
    path = lines(tmp_path / "d.jsonl", *both, twice)
    for last_turn_only, count in ((False, 3), (True, 2)):
        with renderer_of(ember, last_turn_only=last_turn_only) as opened:
            prepared = await preparation.prepare(
                Source.find(path), tmp_path / f"{last_turn_only}", opened,
                sequence=1000, vocabulary=1 << 20,
            )  # fmt: skip
            (first, _, _) = Source.find(path).examples()
            (document,) = await opened.documents(first)
        assert "Red." in read(document)
        assert learnt(document) == "<think>\n\n</think>\n\nEmbers glow.<|im_end|>"
        assert (prepared.train.documents, prepared.train.lost) == (count, 1)
        assert prepared.unused == ("id",)
        assert "fields that are not used: id" in prepared.sentences(1000)


async def test_what_is_counted_is_told(tmp_path: Path, renderer: Renderer) -> None:
    path = lines(tmp_path / "d.jsonl", *({"text": f"example {n}"} for n in range(3)))
    heard: list[tuple[int, int]] = []
    await preparation.prepare(
        Source.find(path), tmp_path / "run", renderer, sequence=100, vocabulary=1 << 20,
        told=lambda done, total: heard.append((done, total)),
    )  # fmt: skip
    assert heard == [(1, 0), (2, 0), (3, 0), (1, 3), (2, 3), (3, 3)]
    assert preparation.progress(*heard[0]) == "reading the examples: 1 so far"
    assert preparation.progress(*heard[4]) == "2 of 3 examples prepared"


async def test_parts_of_a_long_text_are_tokenised_as_the_whole(tmp_path: Path) -> None:
    """SentencePiece puts a blank before each text, which is one token more for each part."""
    text = "glow on and\non, ab " * (2 * LONGEST // 19)
    vocabulary = SmallVocabulary("spm", "", None)
    base = write_base(tmp_path / "base.gguf", layers=1, width=64, wide=64, vocabulary=vocabulary)
    with renderer_of(base) as opened:
        ((found,),) = await opened.documents(Example(RowPosition(1), [], [], text=text))
    # Each letter and each blank is a token; there is one blank before the text.
    assert len(found.tokens) == 1 + 1 + len(text) + 1


async def test_a_text_ends_once_where_the_tokeniser_ends_it_too(tmp_path: Path) -> None:
    vocabulary = SmallVocabulary("spm", "", None, add_eos=True)
    base = write_base(tmp_path / "base.gguf", layers=1, width=64, wide=64, vocabulary=vocabulary)
    with renderer_of(base) as opened:
        ((found,),) = await opened.documents(Example(RowPosition(1), [], [], text="ab"))
        by_prompt = Example(RowPosition(1), [], [], prompt="a", completion="b")
        ((prompt, answer),) = await opened.documents(by_prompt)
    assert found.tokens[0] == 1
    assert found.tokens.count(2) == 1
    assert prompt.tokens[-1] == 2  # as it is sent to the model
    assert answer.tokens[-1] == 2
    assert answer.tokens.count(2) == 1


async def test_few_examples_are_all_learnt(tmp_path: Path, renderer: Renderer) -> None:
    path = lines(tmp_path / "d.jsonl", {"prompt": "a", "completion": "b"})
    prepared = await preparation.prepare(
        Source.find(path), tmp_path / "run", renderer, sequence=1000, vocabulary=1 << 20
    )
    assert prepared.validation is None
    assert not (tmp_path / "run" / "validation").exists()
    assert prepared.train.learnt < prepared.train.tokens


async def test_what_is_nearly_the_same_is_told(tmp_path: Path, renderer: Renderer) -> None:
    path = lines(
        tmp_path / "d.jsonl",
        {"prompt": "What is it?", "completion": "A guild."},
        {"prompt": "what  is it", "completion": "a guild"},
        {"prompt": "What was it?", "completion": "A guild."},
    )
    check = lines(tmp_path / "v.jsonl", {"prompt": "WHAT WAS IT", "completion": "a guild!"})
    prepared = await preparation.prepare(
        Source.find(path), tmp_path / "run", renderer,
        sequence=1000, vocabulary=1 << 20, validation=Source.find(check),
    )  # fmt: skip
    assert (prepared.train.twice, prepared.alike) == (0, 1)
    assert (prepared.shared, prepared.leaks) == (0, 1)
    assert "near duplicates" in " ".join(prepared.sentences(1000))


async def test_thoughts_are_learnt_and_those_of_earlier_answers_are_not_even_read(
    tmp_path: Path,
) -> None:
    """Qwen3's way: a template that drops the thoughts of all answers but the last."""
    template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if m.role == 'assistant' and loop.last and m.reasoning_content %}"
        "<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
        "{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    thinking = {"role": "assistant", "content": "4", "reasoning_content": "two and two"}
    messages = [USER, thinking, USER, {**thinking, "reasoning_content": "again"}]
    with renderer_of(with_template(tmp_path, template)) as opened:
        first, second = await opened.documents(Example(RowPosition(1), messages, []))
    assert learnt(first) == "<think>\ntwo and two\n</think>\n\n4<|im_end|>"
    assert learnt(second) == "<think>\nagain\n</think>\n\n4<|im_end|>"
    assert "two and two" not in read(second)
