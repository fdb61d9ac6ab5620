"""``ingle collection eval COLLECTION FILE``: how well it finds what answers questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from ingle.capabilities.collections.cli.evaluation import answered, searched
from ingle.capabilities.collections.operation import (
    DEFAULT_RERANKER,
    NO_RERANKER,
    AskCollection,
    SearchCollection,
)
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.collections.retrieval_eval import (
    DEPTH,
    AnswerScores,
    Metric,
    RetrievalScores,
    difference,
    metric,
    read_questions,
)


@click.command("eval")
@click.argument("collection")
@click.argument("questions", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--rerank",
    "reranker",
    is_flag=False,
    flag_value=DEFAULT_RERANKER,
    default=NO_RERANKER,
    metavar="[MODEL]",
    help="Measure searching with this reranker, too.",
)
@click.option("--ask", "asking", is_flag=True, help="Have the questions answered, too.")
@click.option("--model", "-m", default="", help="Chat model that answers.")
@click.option("-n", "most", default=4, show_default=True, help="Most passages it is shown.")
@click.option("--max-tokens", default=128, show_default=True, help="Longest answer, in tokens.")
@options
def eval_command(
    output: Output,
    collection: str,
    questions: Path,
    reranker: str,
    asking: bool,
    model: str,
    most: int,
    max_tokens: int,
) -> None:
    """Measure how well COLLECTION finds what answers QUESTIONS.

    A file with a question in each line: {"question": "...", "place": "*/file.md", "text": "..."}.
    A passage answers it if its file fits the pattern and it has the text, where one is given. Shown
    are recall, MRR and nDCG of each way of searching, with intervals of 95 %.

    With --ask a model answers them: how many answers have the words in "answer", where a line has
    that, and which share of an answer's sentences its passages bear out.
    """
    asked = read_questions(questions)
    plain = SearchCollection(
        collection=collection, query="?", most=DEPTH, mode="hybrid", reranker=NO_RERANKER
    )
    ways = {
        "hybrid": plain,
        "vectors": msgspec.structs.replace(plain, mode="vectors"),
        "words": msgspec.structs.replace(plain, mode="words"),
    }
    best = "hybrid"
    if reranker != NO_RERANKER:
        best = "reranked"
        ways[best] = msgspec.structs.replace(plain, reranker=reranker)
    question = AskCollection(
        collection=collection,
        question="?",
        model=model,
        most=most,
        max_tokens=max_tokens,
        reranker=reranker,
    )

    async def measure() -> tuple[dict[str, RetrievalScores], AnswerScores | None]:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            found = {name: await searched(home, way, asked) for name, way in ways.items()}
            return found, await answered(home, question, asked) if asking else None

    found, answers = run(measure)
    if output.json:
        output.data(_data(len(asked), found, answers))
        return
    rows = [[name, *(shown(metric(values)) for values in scores)] for name, scores in found.items()]
    output.table(["SEARCH", "RECALL@1", "RECALL@5", "RECALL@10", "MRR", "NDCG@10"], rows)
    for other in found:
        if other != best:
            better = difference(found[best].recall_5, found[other].recall_5)
            output.text(f"{best} less {other}, recall@5: {shown(better)}")
    if answers is not None:
        for name, values in zip(AnswerScores._fields, answers, strict=True):
            output.text(f"{name}: {_of(values)}")
    output.note(f"{len(asked)} questions; in brackets intervals of 95 %")


def shown(found: Metric) -> str:
    """A mean with its interval."""
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _of(values: Sequence[float]) -> str:
    return f"{shown(metric(values))} of {len(values)}" if values else "nothing to measure"


def _data(
    questions: int, found: dict[str, RetrievalScores], answers: AnswerScores | None
) -> dict[str, object]:
    data: dict[str, object] = {
        "questions": questions,
        "modes": {
            name: {
                of: metric(values)._asdict()
                for of, values in zip(RetrievalScores._fields, scores, strict=True)
            }
            for name, scores in found.items()
        },
    }
    if answers is not None:
        data["answers"] = {
            of: {**metric(values)._asdict(), "count": len(values)}
            for of, values in zip(AnswerScores._fields, answers, strict=True)
            if values
        }
    return data
