"""The recipe's cross-encoder scores pairs in the engine as it does in torch."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from recipes.ember.tasks.facts import Passage
from recipes.ember.tasks.synonyms import Synonyms
from recipes.rerank import __main__ as recipe
from recipes.rerank import examples, export

from ingle.client.home import AsyncHome
from ingle.client.host import host
from ingle.config import Settings
from ingle.models.embedded import FOLDER

pytestmark = [pytest.mark.extras, pytest.mark.anyio]
TEXT = "The option -{n} makes the program number {n} print the name of each file that it has found."


def groups(every: list[Passage]) -> list[examples.Group]:
    return [examples.group(every, Synonyms.read([]), number) for number in range(2)]


async def test_the_engine_scores_as_torch_does(settings: Settings, tmp_path: Path) -> None:
    every = [Passage(f"page{n // 16}", "Options", TEXT.format(n=n) * 2, "train") for n in range(64)]
    reader = recipe.Reader(FOLDER / "ember-embed.gguf")
    left = iter([1.0, 0.7, 0.4, 0.0])
    cross = recipe.train(reader, itertools.repeat(groups(every)), lambda: next(left))
    path = tmp_path / "made-rerank.gguf"
    export.write(cross, FOLDER / "ember-embed.gguf", path)
    (first, _) = groups(every)
    tokens, lengths = reader.rows([first])
    with torch.no_grad():
        wanted = torch.sigmoid(cross.scores(tokens, lengths)).tolist()
    async with host(settings) as (node, _):
        home = AsyncHome(node, settings)
        await home.pull(str(path))
        assert (await home.show("made-rerank")).capabilities == ["rerank"]
        reranked = await home.rerank(first.query, first.passages, "made-rerank")
    scores = {each.index: each.score for each in reranked.ranking}
    assert [scores[at] for at in range(len(wanted))] == pytest.approx(wanted, abs=0.01)


def test_works_with_questions_are_held_out() -> None:
    assert examples.held_out("tmux.1")
    assert examples.held_out("varnishd.1")
    assert not examples.held_out("tar.1")
