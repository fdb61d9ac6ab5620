"""Speculative decoding: the same answers from fewer steps."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from ingle.capabilities.complete.operation import Complete
from ingle.config import Settings
from ingle.engines.declaration import LoadRequest
from ingle.engines.engine import AdapterFile, LoadSpec
from ingle.engines.llama import speculation
from ingle.engines.llama.declaration import LLAMA, LlamaDeclaration
from ingle.engines.llama.options import LlamaOptions
from ingle.models.facts import Facts, facts_of
from ingle.models.format import DRAFT
from ingle.operations import AdapterUse, Fold, Sampling
from ingle.operations.generation import ChatResult

from ..models.hybrid_weights import write_hybrid
from .lora import write_adapter
from .test_llama import opened

pytestmark = pytest.mark.anyio

LLAMA_SERVER = dataclasses.replace(LLAMA, name="llama-server", server_binary="/usr/bin/env")
REPEATED = "To list the files of a folder, run ls -la and press Enter. Then run pwd.\n" * 6


def guessing(spec: LoadSpec, mode: str = "ngram") -> LoadSpec:
    return msgspec.structs.replace(spec, options={**spec.options, "speculation": mode})


async def completed(spec: LoadSpec, prompts: list[str], **fields: object) -> list[ChatResult]:
    found = []
    async with opened(spec) as worker:
        for prompt in prompts:
            given = {"sampling": Sampling(temperature=0.0), "max_tokens": 64, **fields}
            request = Complete(
                model="ember", prompt=prompt, **given,
            )  # fmt: skip
            fold = Fold()
            async with worker.perform(request) as events:
                async for event in events:
                    fold.add(event)
            found.append(fold.result())
    return found


async def test_answers_are_the_same_and_made_of_fewer_steps(ember_spec: LoadSpec) -> None:
    prompts = [REPEATED, "What does tar -x do?", REPEATED + "To list"]
    plain = await completed(ember_spec, prompts)
    ahead = await completed(guessing(ember_spec), prompts)
    assert [result.text for result in ahead] == [result.text for result in plain]
    assert [result.usage for result in ahead] == [result.usage for result in plain]
    assert {result.timing.speculation for result in ahead} == {"ngram"}
    assert {result.timing.speculation for result in plain} == {""}
    assert plain[0].timing.drafted == 0
    first = ahead[0].timing
    assert first.drafted >= first.accepted > ahead[0].usage.completion_tokens / 2


async def test_several_choices_count_what_was_drafted_for_all(ember_spec: LoadSpec) -> None:
    (one,) = await completed(guessing(ember_spec), [REPEATED])
    (two,) = await completed(guessing(ember_spec), [REPEATED], n=2)
    assert two.timing.drafted >= one.timing.drafted
    assert {choice.text for choice in two.choices} == {one.text}


@pytest.mark.extras
@pytest.mark.parametrize("mode", ["ngram", "draft"])
async def test_adapters_schemas_and_seeds_change_nothing(
    ember_spec: LoadSpec, ember: Path, tmp_path: Path, mode: str
) -> None:
    wild = write_adapter(tmp_path / "wild.gguf", ember, seed=3)
    plain = msgspec.structs.replace(
        ember_spec,
        adapters=[AdapterFile("wild", str(wild))],
        files={**ember_spec.files, DRAFT: ember_spec.weights},
    )
    runs: list[dict[str, object]] = [
        {"adapters": [AdapterUse(name="wild", scale=1.0)]},
        {"adapters": []},
        {"schema": {"type": "array", "items": {"enum": ["ls", "pwd"]}, "minItems": 9}},
        {"sampling": Sampling(temperature=0.8, seed=7)},
    ]
    drafted = 0
    for fields in runs:
        (one,) = await completed(plain, [REPEATED], **fields)
        (other,) = await completed(guessing(plain, mode), [REPEATED], **fields)
        drafted += other.timing.drafted
        assert other.choices == one.choices
    assert drafted > 0


async def test_a_draft_model_guesses_and_the_larger_one_decides(ember_spec: LoadSpec) -> None:
    prompts = ["What does tar -x do?", REPEATED]
    plain = await completed(ember_spec, prompts)
    files = {**ember_spec.files, DRAFT: ember_spec.weights}
    ahead = await completed(msgspec.structs.replace(guessing(ember_spec, "draft"), files=files),
                            prompts)  # fmt: skip
    assert [result.text for result in ahead] == [result.text for result in plain]
    for result in ahead:
        assert result.timing.speculation == "draft"
        assert result.timing.accepted > 0.9 * result.timing.drafted > 0


def test_a_draft_model_is_counted(ember_spec: LoadSpec) -> None:
    facts = Facts(
        layers=2, heads=4, heads_kv=[4, 4], key_length=32, value_length=32, tensor_bytes=1 << 20,
        embedding_length=64, feed_forward_length=128, vocabulary=1000,
    )  # fmt: skip
    spec = msgspec.structs.replace(
        ember_spec, files={**ember_spec.files, DRAFT: ["small.gguf"]}, sizes={DRAFT: 7 << 20}
    )
    on = LLAMA.plan(spec, facts, LoadRequest(1024, 2, Settings(), draft=facts))
    off = LLAMA.plan(spec, facts, LoadRequest(1024, 2, Settings(speculation="off"), draft=facts))
    assert (on.options["speculation"], DRAFT in on.files, DRAFT in off.files) == (
        "draft",
        True,
        False,
    )
    more = LLAMA.memory(facts, on), LLAMA.memory(facts, off)
    assert more[0].weights - more[1].weights == 7 << 20
    assert more[0].cache - more[1].cache >= 1024 * 2 * 2 * 4 * 64 * 2
    assert "small.gguf" in LLAMA.readable(on)


def test_the_mode_of_a_load(ember_spec: LoadSpec) -> None:
    def mode(
        engine: LlamaDeclaration = LLAMA,
        role: str = "generate",
        helps: bool = True,
        plain: bool = False,
        slots: int = 1,
        **given: str,
    ) -> str:
        spec = msgspec.structs.replace(ember_spec, role=role)
        settings = Settings(**given)  # type: ignore[arg-type]
        asked = LoadRequest(512, slots, settings, plain=plain, helps=helps)
        return str(engine.plan(spec, Facts(), asked).options.get("speculation", ""))

    assert mode() == "ngram"
    assert mode(helps=False) == ""
    assert mode(plain=True) == ""
    assert mode(role="embed") == ""
    assert mode(speculation="off") == ""
    assert mode(speculation="ngram", helps=False) == "ngram"
    assert (mode(slots=4), mode(slots=8)) == ("ngram", "")
    assert mode(slots=8, speculation="ngram") == "ngram"
    assert mode(LLAMA_SERVER) == ""
    assert mode(LLAMA_SERVER, speculation="ngram") == "ngram"


def test_only_what_needs_plain_decoding_is_not_served_by_a_guessing_load(
    ember_spec: LoadSpec,
) -> None:
    ahead = guessing(ember_spec)
    plain = speculation.plain(ember_spec)
    assert LLAMA.serves(ahead, ember_spec)
    assert LLAMA.serves(ember_spec, ahead)
    assert LLAMA.serves(plain, ahead)
    assert LLAMA.serves(ember_spec, plain)
    assert not LLAMA.serves(ahead, plain)
    assert "speculation" not in LLAMA.joined(ahead, plain).options
    assert LLAMA.joined(plain, ahead).options == plain.options


def test_a_llama_server_is_told_in_its_own_words(ember_spec: LoadSpec) -> None:
    told = speculation.arguments(ember_spec, LlamaOptions.of(guessing(ember_spec)))
    assert told[:2] == ["--spec-type", "ngram-simple"]
    assert speculation.arguments(ember_spec, LlamaOptions.of(ember_spec)) == []


def hybrid_spec(path: Path) -> LoadSpec:
    return LoadSpec(
        engine="llama",
        model="hybrid",
        files={"weights": [str(path)]},
        slots=2,
        threads=1,
        options={"context": 512},
    )


async def test_heads_of_the_models_own_guess_and_the_answer_is_the_same(tmp_path: Path) -> None:
    spec = hybrid_spec(write_hybrid(tmp_path / "hybrid.gguf"))
    prompts: list[str] = ["w0 w1 w2 w3 w0 w1", "w9"]
    fields = {"sampling": Sampling(temperature=0.0, ignore_eos=True)}
    plain = await completed(spec, prompts, **fields)
    ahead = await completed(guessing(spec, "mtp"), prompts, **fields)
    assert [result.text for result in ahead] == [result.text for result in plain]
    assert {result.timing.speculation for result in ahead} == {"mtp"}
    assert all(result.timing.drafted for result in ahead)


def test_heads_are_found_and_counted_and_wait_for_a_measurement(tmp_path: Path) -> None:
    facts = facts_of([write_hybrid(tmp_path / "hybrid.gguf")])
    bare = facts_of([write_hybrid(tmp_path / "bare.gguf", mtp=False)])
    assert (facts.mtp_layers, bare.mtp_layers) == (1, 0)
    spec = hybrid_spec(tmp_path / "hybrid.gguf")

    def mode(of: Facts, **asked: object) -> str:
        wanted = LoadRequest(settings=Settings(), **asked)
        return str(LLAMA.plan(spec, of, wanted).options.get("speculation", ""))

    assert mode(facts) == "ngram"
    assert mode(facts, measured=True) == "mtp"
    assert mode(facts, measured=True, helps=False) == ""
    assert mode(bare, measured=True) == "ngram"
    named = LoadRequest(settings=Settings(speculation="mtp"))
    planned = LLAMA.plan(spec, facts, named)
    assert planned.options["speculation"] == "mtp"
    without = LLAMA.plan(spec, facts, LoadRequest(settings=Settings(speculation="off")))
    assert LLAMA.memory(facts, planned).total > LLAMA.memory(facts, without).total
    assert speculation.arguments(planned, LlamaOptions.of(planned))[:2] == [
        "--spec-type",
        "draft-mtp",
    ]
