"""Speculation as a node has it: on by default, measured, and off for what it would take away."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.store.operation import Pull
from ingle.config import Settings
from ingle.errors import ConfigError
from ingle.node.local_node import LocalNode
from ingle.node.speculation_record import REST
from ingle.operations import Fold, Sampling
from ingle.operations.generation import ChatResult
from tests.models.weights import write_model

from .test_local import opened

pytestmark = pytest.mark.anyio

REPEATED = "To list the files of a folder, run ls -la and press Enter. Then run pwd.\n" * 6


async def completed(node: LocalNode, prompt: str = REPEATED, **fields: object) -> ChatResult:
    request = Complete(
        model="ember", prompt=prompt, sampling=Sampling(temperature=0.0), max_tokens=32, **fields
    )
    fold = Fold()
    async with node.perform(request) as events:
        async for event in events:
            fold.add(event)
    return fold.result()


async def test_log_probabilities_are_told_of_every_token(settings: Settings) -> None:
    async with opened(settings) as node:
        ahead = await completed(node)
        assert ahead.timing.drafted > 0
        told = await completed(node, logprobs=True)
        assert len(told.choices[0].logprobs) == told.usage.completion_tokens
        assert told.choices[0].text == ahead.choices[0].text
        assert told.timing.speculation == ""
        # What asks for none is served by the same load: the model is not loaded back and forth.
        pid = node.scheduler.loaded_models[0].info(0.0).pid
        assert (await completed(node)).timing.speculation == ""
        assert node.scheduler.loaded_models[0].info(0.0).pid == pid


async def test_the_users_own_answers_are_the_measurement(settings: Settings) -> None:
    async with opened(settings) as node:
        ahead = await completed(node)
        known = node.speculation.of(ahead.digest, "llama")
        assert known is not None
        assert (known.drafted, known.accepted) == (ahead.timing.drafted, ahead.timing.accepted)


async def test_a_model_that_it_slows_down_is_loaded_without(settings: Settings) -> None:
    async with opened(settings) as node:
        digest = (await completed(node)).digest
        known = node.speculation.of(digest, "llama")
        assert known is not None
        known.resting = REST
    async with opened(settings) as node:
        assert (await completed(node)).timing.speculation == ""
    async with opened(settings, speculation="ngram") as node:
        assert (await completed(node)).timing.speculation == "ngram"


async def test_a_draft_model_is_taken_once_it_can_be_compared(settings: Settings) -> None:
    own = {"ember": "ember"}
    async with opened(settings, drafts=own) as node:
        first = await completed(node, "What does tar -x do?")
        assert first.timing.speculation == "ngram"
        known = node.speculation.of(first.digest, "llama")
        assert known is not None
        known.token_s = 0.01
        node.speculation.save()
    async with opened(settings, drafts=own) as node:
        told = await completed(node, "What does tar -x do?")
        assert told.timing.speculation == "draft"
        assert told.timing.drafted > 0
        assert told.choices == first.choices
        assert len((await completed(node, logprobs=True)).choices[0].logprobs) == 32


async def test_a_draft_of_another_vocabulary_is_refused_with_the_token(
    settings: Settings, tmp_path: Path
) -> None:
    other = write_model(tmp_path / "other.gguf")
    async with opened(settings, drafts={"ember": "other"}, speculation="draft") as node:
        async with node.perform(Pull(model="other", source=str(other))) as events:
            async for _ in events:
                pass
        with pytest.raises(ConfigError, match="drafts: other cannot guess ahead of ember: "):
            await completed(node)
