"""What is trained begins as what is served, token by token."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.tokenize.operation import Detokenize, Detokenized, Tokenize, Tokenized
from ingle.client.home import AsyncHome, open_async
from ingle.config import Settings
from ingle.errors import InvalidRequest
from ingle.models.store import Store
from ingle.operations import Fold
from ingle.training import preparation
from ingle.training.examples import RowPosition, Source
from ingle.training.examples.chat_turns import chat_turns
from ingle.training.reinforcement import prompt_preparation
from ingle.training.reinforcement.rollouts import PROMPTS, read_prompts
from ingle.training.rendering import Renderer
from ingle.training.trl import preferences
from ingle.training.trl.trl_job import PAIRS
from tests.cli.place import Place, ended
from tests.training.models import VOCABULARY, write_base
from tests.training.vocabularies import CLOSE, END, SmallVocabulary

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

ZEPHYR = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
"""Writes no `bos_token`, and knows no tools."""
CHATML = (
    "{{ bos_token }}{% if tools %}<|im_start|>system\n{% for t in tools %}{{ t | tojson }}\n"
    "{% endfor %}<|im_end|>\n{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>\n{{ c.function | tojson }}\n"
    "</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEMPLATES = {"zephyr": (ZEPHYR, END), "chatml": (CHATML, CLOSE)}
TOOLS = [
    {"type": "function", "function": {"name": "look", "strict": True, "parameters": {
        "type": "object", "properties": {"far": {"type": "boolean"}, "at": {"type": "string"}},
        "required": ["at"], "additionalProperties": False}}},
    {"type": "function", "function": {"name": "wait"}},
]  # fmt: skip
CALL = {"id": "c1", "type": "function",
        "function": {"name": "look", "arguments": '{"far": true, "at": "sky"}'}}  # fmt: skip
PLAIN = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": "Hi, ab!"},
]
CALLING = [
    *PLAIN,
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "blue", "tool_call_id": "c1"},
]
ANSWER = {"role": "assistant", "content": "Gr\u00fcn, \U0001f525."}


def base(settings: Settings, folder: Path, vocabulary: SmallVocabulary) -> str:
    path = write_base(
        folder / "base.gguf", architecture="qwen3", layers=1, width=64, wide=64, context=1024,
        vocabulary=vocabulary,
    )  # fmt: skip
    return Store(settings.models_path).add_path(path, "base").name


def renderer(home: AsyncHome, model: str, vocabulary: SmallVocabulary) -> Renderer:
    async def ask(question: Tokenize) -> Tokenized:
        return await home.ask(question, Tokenized)

    return Renderer(ask, model=model, template=bool(vocabulary.template), end=vocabulary.end)


async def prepared(
    folder: Path, made: Renderer, row: dict[str, Any]
) -> tuple[list[int], list[int]]:
    """Tokens of the one document of a row that are read, and those that are learnt."""
    path = folder / "row.jsonl"
    path.write_text(json.dumps(row))
    await preparation.prepare(
        Source.find(path), folder / "run", made, sequence=1000, vocabulary=VOCABULARY
    )
    tokens = np.fromfile(folder / "run" / "train" / "tokens.bin", dtype=np.uint32).tolist()
    learnt = np.fromfile(folder / "run" / "train" / "learnt.bin", dtype=np.bool_).tolist()
    starts = np.load(folder / "run" / "train" / "starts.npy").tolist()
    last = range(starts[-2], starts[-1])
    return [tokens[at] for at in last if not learnt[at]], [tokens[at] for at in last if learnt[at]]


async def served(home: AsyncHome, request: Chat | Complete) -> int:
    fold = Fold()
    async with home.node.perform(request) as events:
        async for event in events:
            fold.add(event)
    return fold.result().usage.prompt_tokens


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("kind", ["spm", "bpe"])
@pytest.mark.parametrize("add_bos", [True, False, None])
async def test_a_trained_prompt_is_the_served_one(
    tmp_path: Path, settings: Settings, add_bos: bool | None, kind: str, name: str
) -> None:
    template, end = TEMPLATES[name]
    vocabulary = SmallVocabulary(kind, template, add_bos, end)
    model = base(settings, tmp_path, vocabulary)
    async with open_async(settings) as home:
        made = renderer(home, model, vocabulary)
        for messages, tools in ((PLAIN, []), (PLAIN, TOOLS), (CALLING, TOOLS)):
            row = [{**message, "weight": 0} for message in messages]  # read, and not learnt
            read, learnt = await prepared(
                tmp_path, made, {"messages": [*row, ANSWER], "tools": tools}
            )
            turns, offered = chat_turns(RowPosition(1), messages, tools)
            chat = Chat(model=model, messages=turns, tools=offered, max_tokens=1)
            assert await served(home, chat) == len(read), (messages, tools)
            counted = Tokenize(model=model, messages=turns, tools=offered)
            assert (await home.ask(counted, Tokenized)).tokens == read
            text = (await home.ask(counted, Tokenized)).text
            begins = add_bos is not False or "bos_token" in template
            assert (await detokenized(home, model, read[:1]) == "<s>") == begins
            assert await detokenized(home, model, learnt) == f"Gr\u00fcn, \U0001f525.{end}"
            assert "Be brief." in text


@pytest.mark.parametrize("kind", ["spm", "bpe"])
@pytest.mark.parametrize("add_bos", [True, False, None])
async def test_a_base_without_a_template_begins_as_it_is_completed(
    tmp_path: Path, settings: Settings, add_bos: bool | None, kind: str
) -> None:
    vocabulary = SmallVocabulary(kind, "", add_bos)
    model = base(settings, tmp_path, vocabulary)
    async with open_async(settings) as home:
        made = renderer(home, model, vocabulary)
        read, learnt = await prepared(tmp_path, made, {"prompt": "2+2=", "completion": "4"})
        complete = Complete(model=model, prompt="2+2=", max_tokens=1)
        assert await served(home, complete) == len(read)
        assert await detokenized(home, model, learnt) == "4</s>"
        assert len(learnt) == 2  # no blank before it, which SentencePiece puts before a text
        read, learnt = await prepared(tmp_path, made, {"text": "2+2=4"})
        complete = Complete(model=model, prompt="2+2=4</s>", max_tokens=1)
        assert await served(home, complete) == len(read + learnt)
        assert (await detokenized(home, model, learnt[:1]) == "<s>") == (add_bos is not False)


def test_what_is_counted_is_what_a_chat_is_charged(tmp_path: Path) -> None:
    """Over HTTP, for a model whose tokeniser begins each text."""
    place = Place(tmp_path)
    vocabulary = SmallVocabulary("spm", CHATML.replace("{{ bos_token }}", ""), None, CLOSE)
    write_base(
        tmp_path / "base.gguf", layers=1, width=64, wide=64, context=1024, vocabulary=vocabulary
    )
    place.ok("pull", "./base.gguf")
    server = place.start("serve", "--port", "0")
    try:
        assert server.stderr is not None
        first = server.stderr.readline().decode()
        address = next(word for word in first.split() if word.startswith("http://"))
        with httpx.Client(base_url=address, timeout=60) as client:

            def post(path: str, **body: Any) -> Any:
                answer = client.post(path, json={"model": "base", **body})
                assert answer.status_code == 200, answer.text
                return answer.json()

            for more in ({}, {"tools": TOOLS}):
                chat = post("/v1/chat/completions", messages=CALLING, max_tokens=1, **more)
                count = post("/v1/tokenize", messages=CALLING, **more)["count"]
                assert chat["usage"]["prompt_tokens"] == count
            asked = {"messages": [PLAIN[1]], "system": "Be brief."}
            usage = post("/v1/messages", max_tokens=1, **asked)["usage"]
            counted = post("/v1/messages/count_tokens", **asked)["input_tokens"]
            assert usage["input_tokens"] + usage["cache_read_input_tokens"] == counted
            said = {"input": "Hi, ab!", "instructions": "Be brief."}
            used = post("/v1/responses", max_output_tokens=1, **said)["usage"]["input_tokens"]
            assert post("/v1/responses/input_tokens", **said)["input_tokens"] == used == counted
            text = post("/v1/tokenize", content="Hi", add_special_tokens=True)["tokens"]
            assert text == [1, *post("/v1/tokenize", content="Hi")["tokens"]]
            begun = post("/v1/tokenize", messages=[*PLAIN, ANSWER], add_generation_prompt=False)
            assert begun["text"].endswith(f"{ANSWER['content']}<|im_end|>\n")
    finally:
        ended(server, signal.SIGTERM)
        place.close()


async def test_rewards_and_pairs_have_the_same_prompts(tmp_path: Path, settings: Settings) -> None:
    vocabulary = SmallVocabulary("spm", ZEPHYR, None)
    model = base(settings, tmp_path, vocabulary)
    async with open_async(settings) as home:
        made = renderer(home, model, vocabulary)
        row = {"messages": [*PLAIN, ANSWER]}
        read, learnt = await prepared(tmp_path, made, row)
        (tmp_path / "questions.jsonl").write_text(json.dumps({"messages": PLAIN, "answer": "x"}))
        questions = Source.find(tmp_path / "questions.jsonl")
        await prompt_preparation.prepare(
            questions, tmp_path / "run", made, rewards=["answer"], room=1000
        )
        (prompt,) = read_prompts(tmp_path / "run" / PROMPTS)
        assert prompt.tokens == read
        worse = [{"role": "assistant", "content": "Red."}]
        pair = {"prompt": PLAIN, "chosen": [ANSWER], "rejected": worse, "score": 1}
        (tmp_path / "pairs.jsonl").write_text(json.dumps(pair))
        pairs = Source.find(tmp_path / "pairs.jsonl")
        told = await preferences.prepare(pairs, tmp_path / "run", made, sequence=1000)
        assert told.sentences(1000)[1] == "fields that are not used: score"
        found = json.loads((tmp_path / "run" / PAIRS).read_text())
        assert (found["prompt_ids"], found["chosen_ids"]) == (read, learnt)
        assert await detokenized(home, model, found["rejected_ids"]) == "Red.</s>"


DEEPSEEK = ZEPHYR.replace("<|assistant|>\n{% endif %}", "<|assistant|>\n<think>\n{% endif %}")
"""Opens a thought in the prompt, and leaves it out of the conversation."""
GLM = (
    "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'assistant' %}"
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}{% endif %}</think>{% endif %}"
    "{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|><think>{% endif %}"
)
"""Closes a thought that it did not open: its prompt and its answer share a `<`."""
COHERE = (
    "{% for m in messages %}<|{{ m.role }}|>{% if m.reasoning_content %}<|THINK|>"
    "{{ m.reasoning_content }}<|NO_THINK|>{% endif %}{% if m.role == 'assistant' %}<|TEXT|>"
    "{% endif %}{{ m.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><|THINK|>{% endif %}"
)
NEMO = (
    "{% set system = messages[0].content if messages[0].role == 'system' else '' %}"
    "{% for m in messages %}{% if m.role == 'user' %}[INST]"
    "{% if loop.last and system %}{{ system }}\n\n{% endif %}{{ m.content }}[/INST]"
    "{% elif m.role == 'assistant' %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
"""Writes the system message into the last turn, if that is the user's."""
SAID = "Gr\u00fcn, \U0001f525."


@pytest.mark.parametrize(
    ("template", "thought", "ends", "said"),
    [
        (DEEPSEEK, "a colour", "<|assistant|>\n<think>\n", f"a colour\n</think>\n\n{SAID}"),
        (DEEPSEEK, "", "<|assistant|>\n<think>\n", f"\n</think>\n\n{SAID}"),
        (GLM, "a colour", "<|assistant|><think>", f"a colour</think>{SAID}"),
        (GLM, "", "<|assistant|><think>", f"</think>{SAID}"),
        (COHERE, "a colour", "<|assistant|><|THINK|>", f"a colour<|NO_THINK|><|TEXT|>{SAID}"),
        (COHERE, "", "<|assistant|><|THINK|>", f"<|NO_THINK|><|TEXT|>{SAID}"),
        (NEMO, "", "Be brief.\n\nHi, ab![/INST]", SAID),
    ],
)
async def test_an_answer_follows_the_served_prompt_whatever_the_template_does(
    tmp_path: Path, settings: Settings, template: str, thought: str, ends: str, said: str
) -> None:
    vocabulary = SmallVocabulary("bpe", template, None)
    model = base(settings, tmp_path, vocabulary)
    async with open_async(settings) as home:
        made = renderer(home, model, vocabulary)
        thinking = {**ANSWER, "reasoning_content": thought}
        read, learnt = await prepared(tmp_path, made, {"messages": [*PLAIN, thinking]})
        turns, _ = chat_turns(RowPosition(1), PLAIN, [])
        assert await served(home, Chat(model=model, messages=turns, max_tokens=1)) == len(read)
        assert (await detokenized(home, model, read)).endswith(ends)
        assert await detokenized(home, model, learnt) == f"{said}</s>"


@pytest.mark.parametrize("options", [{"enable_thinking": False}, {"tone": "dry"}])
async def test_variables_of_an_example_are_those_of_a_chat(
    tmp_path: Path, settings: Settings, options: dict[str, Any]
) -> None:
    """As TRL has them, in `chat_template_kwargs`."""
    template = "{{ tone or 'plain' }}:" + ZEPHYR.replace(
        "<|assistant|>\n{% endif %}",
        "<|assistant|>\n{% if enable_thinking is false %}<think></think>{% endif %}{% endif %}",
    )
    vocabulary = SmallVocabulary("bpe", template, None)
    model = base(settings, tmp_path, vocabulary)
    async with open_async(settings) as home:
        made = renderer(home, model, vocabulary)
        row = {"messages": [*PLAIN, ANSWER], "chat_template_kwargs": options}
        turns, _ = chat_turns(RowPosition(1), PLAIN, [])
        think = options.get("enable_thinking")
        others = {name: value for name, value in options.items() if name != "enable_thinking"}
        counted = Tokenize(model=model, messages=turns, think=think, template_options=others)
        tokens = (await home.ask(counted, Tokenized)).tokens
        read, learnt = await prepared(tmp_path, made, row)
        assert read == tokens
        assert await detokenized(home, model, learnt) == f"{SAID}</s>"
        chat = Chat(model=model, messages=turns, max_tokens=1, think=think, template_options=others)
        assert await served(home, chat) == len(read)
        path = tmp_path / "question.jsonl"
        path.write_text(json.dumps({**row, "messages": PLAIN}))
        (question,) = Source.find(path).questions()
        assert (await made.prompt(question)).tokens == read


@pytest.mark.parametrize(
    ("template", "row", "what"),
    [
        (ZEPHYR, {"messages": [*CALLING], "tools": TOOLS}, "does not write calls .*look"),
        (ZEPHYR.replace("<|assistant|>\n{% endif", "<|assistant|>\nMy steps are:\n{% endif"),
         {"messages": [*PLAIN, ANSWER]}, "no prompt that it answers"),
    ],
)  # fmt: skip
async def test_an_answer_that_the_template_loses_is_refused(
    tmp_path: Path, settings: Settings, template: str, row: dict[str, Any], what: str
) -> None:
    vocabulary = SmallVocabulary("bpe", template, None)
    model = base(settings, tmp_path, vocabulary)
    async with open_async(settings) as home:
        with pytest.raises(InvalidRequest, match=rf"line 1: .*{what}") as error:
            await prepared(tmp_path, renderer(home, model, vocabulary), row)
        assert error.value.details["line"] == 1


async def test_a_thought_that_the_template_does_not_write_is_told(
    tmp_path: Path, settings: Settings
) -> None:
    vocabulary = SmallVocabulary("bpe", ZEPHYR, None)
    model = base(settings, tmp_path, vocabulary)
    async with open_async(settings) as home:
        path = tmp_path / "row.jsonl"
        thinking = {**ANSWER, "reasoning_content": "a colour"}
        path.write_text(json.dumps({"messages": [*PLAIN, thinking]}))
        found = await preparation.prepare(
            Source.find(path), tmp_path / "run", renderer(home, model, vocabulary),
            sequence=1000, vocabulary=VOCABULARY,
        )  # fmt: skip
        assert found.unused == ("messages.reasoning_content (the template does not write it)",)


async def detokenized(home: AsyncHome, model: str, tokens: list[int]) -> str:
    return (await home.ask(Detokenize(model=model, tokens=tokens), Detokenized)).text
