"""An answer that fills its context up says so; one that ends at its own limit does not."""

from __future__ import annotations

import msgspec
import pytest

from ingle.capabilities.complete.operation import Complete
from ingle.engines.engine import LoadSpec
from ingle.errors import ContextLengthExceeded
from ingle.operations import Fold, Sampling, Status
from ingle.operations.generation import ChatResult

from .test_llama import opened

pytestmark = pytest.mark.anyio

ENDLESS = Sampling(temperature=0.0, ignore_eos=True)


async def completed(spec: LoadSpec, prompt: list[int], **fields: object) -> ChatResult:
    fold = Fold()
    request = Complete(model="ember", prompt=prompt, sampling=ENDLESS, **fields)
    async with opened(spec) as worker, worker.perform(request) as events:
        async for event in events:
            fold.add(event)
    return fold.result()


def small(spec: LoadSpec, mode: str) -> LoadSpec:
    options = {**spec.options, "context": 256, "speculation": mode}
    return msgspec.structs.replace(spec, options=options)


@pytest.mark.parametrize("mode", ["", "ngram"])
async def test_the_end_of_the_context_is_told_with_both_counts(
    ember_spec: LoadSpec, mode: str
) -> None:
    found = await completed(small(ember_spec, mode), [300 + number for number in range(200)])
    (choice,), (note,) = found.choices, found.notes
    assert choice.finish == "length"
    assert note.field == "context"
    written = found.usage.completion_tokens
    assert 250 <= 200 + written <= 257
    assert f"the context of 256 tokens is full (prompt 200, answer {written})" in note.message


async def test_an_answer_that_ends_at_its_own_limit_is_not_cut(ember_spec: LoadSpec) -> None:
    found = await completed(small(ember_spec, ""), [300, 301, 302], max_tokens=9)
    assert found.choices[0].finish == "length"
    assert found.notes == []
    # One that may have more than the context holds ends with the context all the same.
    found = await completed(small(ember_spec, ""), [300, 301, 302], max_tokens=900)
    assert [note.field for note in found.notes] == ["context"]


async def test_a_prompt_that_does_not_fit_is_refused_with_both_counts(
    ember_spec: LoadSpec,
) -> None:
    with pytest.raises(ContextLengthExceeded, match="300 tokens, but the context holds 256"):
        await completed(small(ember_spec, ""), [300] * 300)


async def test_a_long_prompt_is_read_in_chunks_that_are_told(ember_spec: LoadSpec) -> None:
    spec = msgspec.structs.replace(ember_spec, options={"context": 4096})
    request = Complete(model="ember", prompt=[300 + n % 900 for n in range(2500)], max_tokens=1)
    told = []
    async with opened(spec) as worker, worker.perform(request) as events:
        async for event in events:
            if isinstance(event, Status):
                told.append(event)
    done = [status.completed for status in told]
    assert {status.total for status in told} == {2500}
    assert done == sorted(done)
    assert max(b - a for a, b in zip([0, *done], done, strict=False)) <= 512
