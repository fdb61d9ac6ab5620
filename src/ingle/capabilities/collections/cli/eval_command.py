"""``ingle collection eval COLLECTION FILE``: how well it finds what answers questions."""

from __future__ import annotations

from pathlib import Path

import click

from ingle.capabilities.collections.operation import SearchCollection, SearchResults
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.collections.retrieval_eval import (
    DEPTH,
    EvalQuestion,
    Metric,
    RetrievalScores,
    difference,
    metric,
    read_questions,
    scored,
)
from ingle.collections.search import Mode

MODES: tuple[Mode, ...] = ("hybrid", "vectors", "words")


@click.command("eval")
@click.argument("collection")
@click.argument("questions", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options
def eval_command(output: Output, collection: str, questions: Path) -> None:
    """Measure how well COLLECTION finds what answers QUESTIONS.

    A file with a question in each line: {"question": "...", "place": "*/file.md", "text": "..."}.
    A passage answers it if its file fits the pattern and it has the text, where one is given. Shown
    are recall, MRR and nDCG of each way of searching, with intervals of 95 %.
    """
    asked = read_questions(questions)

    async def search() -> dict[str, RetrievalScores]:
        from ingle.client.home import open_async

        found = dict[str, RetrievalScores]()
        async with open_async(otherwise="background", **flags()) as home:
            for mode in MODES:
                answering = []
                for each in asked:
                    request = SearchCollection(
                        collection=collection, query=each.question, most=DEPTH, mode=mode
                    )
                    results = (await home.ask(request, SearchResults)).results
                    answering.append([each.answered_by(r.place, r.text) for r in results])
                found[mode] = scored(answering)
        return found

    found = run(search)
    if output.json:
        output.data(_data(found, asked))
        return
    rows = [
        [mode, *(_shown(metric(values)) for values in scores)] for mode, scores in found.items()
    ]
    output.table(["SEARCH", "RECALL@1", "RECALL@5", "RECALL@10", "MRR", "NDCG@10"], rows)
    for other in MODES[1:]:
        better = difference(found["hybrid"].recall_5, found[other].recall_5)
        output.text(f"hybrid less {other}, recall@5: {_shown(better)}")
    output.note(f"{len(asked)} questions; in brackets intervals of 95 %")


def _shown(found: Metric) -> str:
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _data(found: dict[str, RetrievalScores], asked: list[EvalQuestion]) -> dict[str, object]:
    return {
        "questions": len(asked),
        "modes": {
            mode: {
                name: metric(values)._asdict()
                for name, values in zip(RetrievalScores._fields, scores, strict=True)
            }
            for mode, scores in found.items()
        },
    }
