"""How often a search finds what answers a question: words, vectors, both, and a reranker.

Documents and questions are in ``bench/held_out``: documentation that no model of ours was trained
on, and questions in other words than its own (see the README there).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ingle
from ingle.capabilities.collections.cli.eval_command import shown
from ingle.capabilities.collections.cli.evaluation import searched
from ingle.capabilities.collections.operation import NO_RERANKER, SearchCollection
from ingle.client.home import AsyncHome
from ingle.collections.retrieval_eval import DEPTH, difference, metric, read_questions
from ingle.collections.search import Mode

DOCUMENTS = Path("bench/held_out")
QUESTIONS = DOCUMENTS / "questions.jsonl"
MODES: tuple[Mode, ...] = ("words", "vectors", "hybrid")


async def find_answers(folder: Path, files: Sequence[Path], rerankers: Sequence[Path]) -> None:
    """Print recall@5 and paired differences.

    Args:
        files: GGUFs of embedding models beside ember-embed.
        rerankers: GGUFs of models that rerank, beside the other embedding models.
    """
    places: dict[str, Any] = {"state_dir": str(folder / "state"), "models_dir": str(folder / "m")}
    async with ingle.open_async(**places) as home:
        for file in (*files, *rerankers):
            await home.pull(str(file))
        embedders = ["ember-embed", *(file.stem for file in files)]
        for embedder in embedders:
            await home.add_documents(embedder, [DOCUMENTS], only=["*.md"], model=embedder)
            others = [name for name in embedders if name != embedder]
            await _compare(home, embedder, [*others, *(file.stem for file in rerankers)])


async def _compare(home: AsyncHome, embedder: str, rerankers: Sequence[str]) -> None:
    questions = read_questions(QUESTIONS)
    ways = {
        mode: SearchCollection(
            collection=embedder, query="?", most=DEPTH, mode=mode, reranker=NO_RERANKER
        )
        for mode in MODES
    }  # fmt: skip
    for model in rerankers:
        ways[f"hybrid, {model}"] = SearchCollection(
            collection=embedder, query="?", most=DEPTH, reranker=model
        )
    found = {}
    for name, way in ways.items():
        found[name] = (await searched(home, way, questions)).recall_5
        print(f"    {embedder}, {name}: recall@5 {shown(metric(found[name]))}", flush=True)
    for name in list(ways)[2:]:
        for other in list(ways)[: 2 if name == "hybrid" else 3]:
            better = difference(found[name], found[other])
            print(f"{embedder}: {name} less {other}: {shown(better)}", flush=True)
