"""The llama engine on the embedded models: what it does, and the guards of the design."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gguf as reference
import msgspec
import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.rerank.operation import Rerank, Reranked
from ingle.capabilities.tokenize.operation import Detokenize, Detokenized, Tokenize, Tokenized
from ingle.engines.engine import AdapterFile, LoadSpec
from ingle.engines.process import WorkerProcess
from ingle.errors import (
    CapabilityMissing,
    ContextLengthExceeded,
    EngineFault,
    EngineMissing,
    InvalidRequest,
    ModelLoadFailed,
)
from ingle.models.gguf import read_header
from ingle.operations import (
    AdapterUse,
    ChatResult,
    Event,
    Fold,
    Message,
    Operation,
    Sampling,
    Status,
    Text,
    Tool,
)
from ingle.testing import check_engine
from tests.models.weights import write_model

from .lora import write_adapter

pytestmark = pytest.mark.anyio

GREEDY = Sampling(temperature=0.0)


@asynccontextmanager
async def opened(spec: LoadSpec) -> AsyncIterator[WorkerProcess]:
    worker = await WorkerProcess.start(spec)
    try:
        yield worker
    finally:
        await worker.stop()


async def events(worker: WorkerProcess, operation: Operation) -> list[Event]:
    async with worker.perform(operation) as found:
        return [event async for event in found]


async def result(worker: WorkerProcess, operation: Operation) -> ChatResult:
    fold = Fold()
    for event in await events(worker, operation):
        fold.add(event)
    return fold.result()


def chat(text: str = "hello", **fields: Any) -> Chat:
    fields.setdefault("sampling", GREEDY)
    fields.setdefault("max_tokens", 40)
    return Chat(model="ember", messages=[Message(role="user", content=text)], **fields)


def test_it_keeps_the_contract(ember_spec: LoadSpec) -> None:
    held = check_engine("llama", ember_spec, most_memory=1.25)
    assert {"cancels", "needs what it declares"} <= set(held)


def test_it_keeps_the_contract_for_embeddings(ember_embed: Path) -> None:
    spec = LoadSpec(
        engine="llama",
        model="e",
        files={"weights": [str(ember_embed)]},
        role="embed",
        slots=2,
        options={"context": 512},
    )
    held = check_engine("llama", spec, most_memory=1.25)
    assert {"embeds", "needs what it declares"} <= set(held)


async def test_answers_stop_by_themselves_and_are_repeatable(ember_spec: LoadSpec) -> None:
    async with opened(ember_spec) as worker:
        first = await result(worker, chat())
        again = await result(worker, chat())
        assert first.text == again.text != ""
        assert first.choices[0].finish == "stop"
        assert first.usage.prompt_tokens > 5
        assert again.usage.cached_tokens >= first.usage.prompt_tokens - 1
        wild = chat(sampling=Sampling(temperature=1.5, seed=7, ignore_eos=True), max_tokens=20)
        assert (await result(worker, wild)).text == (await result(worker, wild)).text


async def test_sampling_reaches_the_engine(ember_spec: LoadSpec) -> None:
    async with opened(ember_spec) as worker:
        tokens = [
            event.tokens[0]
            for event in await events(worker, Tokenize(model="m", text=" apple"))
            if isinstance(event, Tokenized)
        ]
        biased = Sampling(temperature=0.0, logit_bias={tokens[0]: 100.0})
        answer = await result(
            worker, Complete(model="m", prompt="x", max_tokens=3, sampling=biased)
        )
        (piece,) = await events(worker, Detokenize(model="m", tokens=tokens[:1]))
        assert isinstance(piece, Detokenized)
        assert answer.text == piece.text * 3
        stopped = await result(worker, chat(stop=["e"], sampling=GREEDY))
        assert "e" not in stopped.text
        assert (await result(worker, chat(max_tokens=2))).choices[0].finish == "length"


async def test_more_choices_than_slots(ember_spec: LoadSpec) -> None:
    async with opened(ember_spec) as worker:
        hot = Sampling(temperature=5.0, top_p=1.0, top_k=0, min_p=0.0, seed=1, ignore_eos=True)
        answer = await result(worker, chat(n=5, sampling=hot, max_tokens=8))
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3, 4]
    assert all(choice.finish == "length" for choice in answer.choices)
    # What comes after <think> is reasoning, so a text alone may be empty.
    assert len({choice.reasoning + choice.text for choice in answer.choices}) == 5
    assert answer.usage.completion_tokens == 40


async def test_json_obeys_its_schema(ember_spec: LoadSpec) -> None:
    schema = {
        "type": "object",
        "properties": {"kind": {"enum": ["animal", "plant"]}, "legs": {"type": "boolean"}},
        "required": ["kind", "legs"],
        "additionalProperties": False,
    }
    async with opened(ember_spec) as worker:
        answer = await result(worker, chat("What is a dog?", schema=schema, max_tokens=200))
    value = json.loads(answer.text)
    assert set(value) == {"kind", "legs"}
    assert value["kind"] in {"animal", "plant"}


async def test_tools_are_called_as_asked(ember_spec: LoadSpec) -> None:
    tools = [
        Tool(
            name=name,
            description=f"The {name} of a city",
            parameters={
                "type": "object",
                "properties": {"city": {"enum": ["Rome", "Oslo"]}},
                "required": ["city"],
            },
        )
        for name in ("weather", "population")
    ]
    async with opened(ember_spec) as worker:
        for choice in ("required", "population"):
            topic = "weather" if choice == "required" else choice
            question = f"What is the {topic} of Rome?"
            ask = chat(question, tools=tools, tool_choice=choice, max_tokens=200)
            answer = await result(worker, ask)
            assert answer.choices[0].finish == "tool_calls"
            call = answer.tool_calls[0]
            assert call.id
            assert call.name == choice or choice == "required"
            assert "city" in json.loads(call.arguments)
        answer = await result(worker, chat("Hello", tools=tools, tool_choice="none"))
        assert answer.tool_calls == []


@pytest.mark.parametrize("choice", ["auto", "required"])
async def test_optional_arguments_are_told_wherever_the_schema_has_them(
    ember_spec: LoadSpec, choice: str
) -> None:
    """llama.cpp's grammar wants required arguments first, and a model what it was shown first."""
    table = {
        "type": "object",
        "properties": {
            "guests": {"type": "integer", "description": "number of guests"},
            "restaurant": {"type": "string", "description": "name of the restaurant"},
        },
        "required": ["restaurant"],
    }
    tool = Tool(name="book_table", description="Book a table in a restaurant", parameters=table)
    question = "Book a table for 4 at the Golden Lion"
    async with opened(ember_spec) as worker:
        ask = chat(question, tools=[tool], tool_choice=choice, max_tokens=200)
        (call,) = (await result(worker, ask)).tool_calls
    assert json.loads(call.arguments) == {"restaurant": "Golden Lion", "guests": 4}


async def test_a_forced_call_may_end_in_a_token_with_a_newline(ember_spec: LoadSpec) -> None:
    """ember's vocabulary has `"}}` with a line's end as one token, and wants it here."""
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = Tool(name="weather", description="The weather of a city", parameters=city)
    async with opened(ember_spec) as worker:
        question = "What's the weather like in Paris?"
        ask = chat(question, tools=[tool], tool_choice="required", max_tokens=200)
        (call,) = (await result(worker, ask)).tool_calls
    assert json.loads(call.arguments) == {"city": "Paris"}


async def test_logprobs_are_natural_logs_that_sum_to_one(ember_spec: LoadSpec) -> None:
    async with opened(ember_spec) as worker:
        answer = await result(worker, chat(logprobs=True, top_logprobs=1000, max_tokens=8))
    entry = answer.choices[0].logprobs[0]
    assert entry.logprob == max(rival.logprob or 0.0 for rival in entry.top)
    assert 0.9 < sum(math.exp(rival.logprob or 0.0) for rival in entry.top) <= 1.001


async def test_a_prompt_longer_than_the_context_is_refused_with_both_counts(
    ember_spec: LoadSpec,
) -> None:
    async with opened(ember_spec) as worker:
        for operation in (
            chat("word " * 3000),
            Complete(model="m", prompt="word " * 3000, max_tokens=1),
        ):
            with pytest.raises(ContextLengthExceeded) as caught:
                await events(worker, operation)
            assert caught.value.details["prompt_tokens"] > 3000
            assert caught.value.details["context"] == 1024
        assert (await result(worker, chat())).text


async def test_a_bad_schema_is_the_callers_fault(ember_spec: LoadSpec) -> None:
    async with opened(ember_spec) as worker:
        with pytest.raises(InvalidRequest):
            await events(worker, chat(schema={"type": "no such type"}))
        assert (await result(worker, chat())).text


async def test_a_cancel_stops_prefill_too(ember_spec: LoadSpec) -> None:
    spec = msgspec.structs.replace(ember_spec, slots=1, options={"context": 4096})
    async with opened(spec) as worker:
        call = worker.call(chat("word " * 3500))
        async for event in call:
            if isinstance(event, Status):
                break
        call.cancel()
        await call.ended
        assert (await result(worker, chat())).text


async def test_scoring_agrees_with_generation(ember_spec: LoadSpec) -> None:
    prompt = "The file is a"
    async with opened(ember_spec) as worker:
        ask = Complete(
            model="m", prompt=prompt, max_tokens=6, sampling=GREEDY, logprobs=True, top_logprobs=3
        )
        said = await result(worker, ask)
    options = {**ember_spec.options, "vocabulary": 8192}
    spec = msgspec.structs.replace(ember_spec, role="score", slots=1, options=options)
    async with opened(spec) as worker:
        whole = Complete(
            model="m",
            prompt=prompt + said.text,
            echo=True,
            echo_only=True,
            logprobs=True,
            top_logprobs=3,
        )
        scored = await result(worker, whole)
        assert scored.text == prompt + said.text
        assert scored.choices[0].logprobs[0].logprob is None
        for theirs, ours in zip(
            said.choices[0].logprobs, scored.choices[0].logprobs[-6:], strict=True
        ):
            assert theirs.id == ours.id
            assert ours.logprob == pytest.approx(theirs.logprob, abs=0.02)
            assert ours.top[0].id == theirs.top[0].id
        long = Complete(model="m", prompt=[5] * 2000, echo=True, echo_only=True)
        with pytest.raises(ContextLengthExceeded):
            await events(worker, long)
        with pytest.raises(InvalidRequest, match="vocabulary"):
            await events(worker, Complete(model="m", prompt=[10**6], echo=True, echo_only=True))


async def test_a_vector_does_not_depend_on_the_texts_beside_it(ember_embed: Path) -> None:
    """Of other lengths, in one request and in several at once."""
    spec = LoadSpec(
        engine="llama",
        model="e",
        files={"weights": [str(ember_embed)]},
        role="embed",
        slots=2,
        options={"context": 512},
    )
    texts = ["tar: " + "an archive holds files and a tape holds them " * 6, "my cat sleeps " * 14]
    async with opened(spec) as worker:
        alone = [(await events(worker, Embed(model="e", inputs=[t])))[0] for t in texts]
        (together,) = await events(worker, Embed(model="e", inputs=texts))
        assert isinstance(together, Embedded)
        for one, vector in zip(alone, together.vectors, strict=True):
            assert isinstance(one, Embedded)
            assert sum(a * b for a, b in zip(one.vectors[0], vector, strict=True)) > 0.9995


@pytest.mark.parametrize(("context", "slots"), [(512, 3), (200, 7), (640, 6)])
async def test_vectors_are_made_with_any_number_of_slots(
    ember_embed: Path, context: int, slots: int
) -> None:
    spec = LoadSpec(
        engine="llama", model="e", files={"weights": [str(ember_embed)]}, role="embed",
        slots=slots, options={"context": context},
    )  # fmt: skip
    longest = "cat " * (context - 8)
    async with opened(spec) as worker:
        (made,) = await events(worker, Embed(model="e", inputs=[longest, "a", "b", longest]))
        assert isinstance(made, Embedded)
        assert made.usage is not None
        assert made.usage.prompt_tokens > 2 * (context - 8)
        assert made.vectors[0] == pytest.approx(made.vectors[3], abs=1e-4)


async def test_vectors_that_are_not_numbers_are_the_models_fault(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", pooling=1)
    data = bytearray(path.read_bytes())
    start = read_header(path).data_offset
    data[start:] = b"\xff" * (len(data) - start)
    path.write_bytes(data)
    files = {"weights": [str(path)]}
    spec = LoadSpec(engine="llama", model="e", files=files, role="embed", options={"context": 256})
    async with opened(spec) as worker:
        with pytest.raises(EngineFault, match="not finite"):
            await events(worker, Embed(model="e", inputs=["a cat"]))


async def test_embeddings_and_ranking(ember_embed: Path) -> None:
    spec = LoadSpec(
        engine="llama",
        model="e",
        files={"weights": [str(ember_embed)]},
        role="embed",
        options={
            "context": 512,
            "prefixes": {"query": "query: ", "passage": "passage: "},
        },
    )
    async with opened(spec) as worker:
        (one,) = await events(worker, Embed(model="e", inputs=["a cat", "a cat", "tax law"]))
        assert isinstance(one, Embedded)
        assert len(one.vectors) == 3
        assert sum(value * value for value in one.vectors[0]) == pytest.approx(1, abs=1e-3)
        (query,) = await events(worker, Embed(model="e", inputs=["a cat"], kind="query"))
        assert isinstance(query, Embedded)
        assert query.vectors[0] != one.vectors[0]
        (short,) = await events(worker, Embed(model="e", inputs=["a cat"], dimensions=16))
        assert isinstance(short, Embedded)
        assert short.dimensions == len(short.vectors[0]) == 16
        assert sum(value * value for value in short.vectors[0]) == pytest.approx(1, abs=1e-3)
        with pytest.raises(InvalidRequest, match="dimensions"):
            await events(worker, Embed(model="e", inputs=["a"], dimensions=100_000))
        with pytest.raises(ContextLengthExceeded):
            await events(worker, Embed(model="e", inputs=["word " * 3000]))
        documents = ["ls lists the files of a directory", "bananas are yellow"]
        (ranked,) = await events(
            worker, Rerank(model="e", query="how do I list files?", documents=documents, top=1)
        )
        assert isinstance(ranked, Reranked)
        assert [entry.index for entry in ranked.ranking] == [0]


async def test_adapters_never_leak_into_other_requests(
    ember_spec: LoadSpec, ember: Path, tmp_path: Path
) -> None:
    """Leaving the adapter list out reuses tainted KV entries: every request must carry all."""
    files = [write_adapter(tmp_path / f"{seed}.gguf", ember, seed=seed) for seed in (1, 2)]
    adapters = [AdapterFile(name=path.stem, path=str(path)) for path in files]
    spec = msgspec.structs.replace(ember_spec, adapters=adapters, slots=1)

    async def first_logprob(worker: WorkerProcess, *uses: AdapterUse) -> float:
        ask = Complete(
            model="m",
            prompt="The quick brown fox jumps",
            max_tokens=1,
            sampling=GREEDY,
            logprobs=True,
            adapters=list(uses),
        )
        value = (await result(worker, ask)).choices[0].logprobs[0].logprob
        assert value is not None
        return value

    one, two = AdapterUse(name="1"), AdapterUse(name="2")
    async with opened(spec) as worker:
        base = await first_logprob(worker)
        with_one = await first_logprob(worker, one)
        with_two = await first_logprob(worker, two)
        assert len({round(value, 3) for value in (base, with_one, with_two)}) == 3
        for uses, expected in (
            ([], base),
            ([one], with_one),
            ([], base),
            ([two], with_two),
            ([one], with_one),
            ([AdapterUse(name="1", scale=0.0)], base),
        ):
            assert await first_logprob(worker, *uses) == pytest.approx(expected, abs=1e-4)
        with pytest.raises(InvalidRequest, match="not loaded"):
            await first_logprob(worker, AdapterUse(name="3"))


async def test_concurrent_requests_with_different_adapters_stay_apart(
    ember_spec: LoadSpec, ember: Path, tmp_path: Path
) -> None:
    path = write_adapter(tmp_path / "a.gguf", ember, seed=3)
    spec = msgspec.structs.replace(
        ember_spec, adapters=[AdapterFile(name="a", path=str(path))], slots=4
    )
    plain = chat(max_tokens=8, sampling=Sampling(temperature=0.0, ignore_eos=True))
    adapted = msgspec.structs.replace(plain, adapters=[AdapterUse(name="a")])
    async with opened(spec) as worker:
        alone = [(await result(worker, ask)).text for ask in (plain, adapted)]
        assert alone[0] != alone[1]
        together = await asyncio.gather(*(result(worker, ask) for ask in (plain, adapted) * 4))
    assert [answer.text for answer in together] == alone * 4


@pytest.mark.parametrize("cut", [0, 4, 1000, 1_000_000])
async def test_a_damaged_file_is_refused_with_the_engines_reason(
    cut: int, ember: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(ember.read_bytes()[:cut])
    with pytest.raises(ModelLoadFailed, match=r"gguf|tensor|magic|failed"):
        await WorkerProcess.start(
            LoadSpec(engine="llama", model="cut", files={"weights": [str(path)]})
        )


async def test_an_embedding_worker_does_not_chat(ember_spec: LoadSpec) -> None:
    async with opened(msgspec.structs.replace(ember_spec, role="score", slots=1)) as worker:
        with pytest.raises(CapabilityMissing):
            await events(worker, chat())


async def test_a_missing_server_binary_is_said(ember_spec: LoadSpec, tmp_path: Path) -> None:
    spec = msgspec.structs.replace(ember_spec, options={"server_binary": str(tmp_path / "none")})
    with pytest.raises(EngineMissing, match="llama-server"):
        await WorkerProcess.start(spec)


async def test_pieces_are_streamed_one_by_one(ember_spec: LoadSpec) -> None:
    async with opened(ember_spec) as worker:
        ask = chat(sampling=Sampling(temperature=0.0, ignore_eos=True), max_tokens=30)
        pieces = [event for event in await events(worker, ask) if isinstance(event, Text)]
    assert len(pieces) > 20


async def test_a_vocabulary_that_does_not_fit_its_tokenizer_is_told(tmp_path: Path) -> None:
    """SentencePiece looks up a token for each byte, which a vocabulary of BPE lacks."""
    llama = reference.GGUFValue("llama", reference.GGUFValueType.STRING)
    path = write_model(tmp_path / "m.gguf", changed={"tokenizer.ggml.model": llama})
    spec = LoadSpec(
        engine="llama", model="odd", files={"weights": [str(path)]}, slots=1, threads=1,
        options={"context": 256},
    )  # fmt: skip
    async with opened(spec) as worker:
        with pytest.raises(EngineFault, match="vocabulary does not fit its tokenizer"):
            await events(worker, chat("hello"))
