"""Stage 12, evaluate: what the shipped files do behind `ingle serve`, and the model cards.

Tasks are drawn twice: as training draws them, from seeds it never used, and from the test split,
whose phrasings, names and functions it never showed. The distance between the two is what the
model has learned by heart rather than understood. Everything is asked greedily, and judged by
program (`tasks.checks`), never by a model.
"""

from __future__ import annotations

import gzip
import json
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from . import (
    bad_input,
    cards,
    chat,
    corpus,
    export,
    overlap,
    precision,
    retrieval,
    tables,
    tasks,
)
from . import tokenizer as tokenizers_stage
from .intervals import bootstrap, paired, wilson
from .ngram import KneserNey
from .scale import Scale
from .served import Served
from .tasks import arithmetic, checks, manual, pairs
from .tasks.draw import Draw
from .tasks.phrasing import wrapped
from .tasks.structured import answer

UNUSED_SEEDS = 50_000_000  # beyond any that a scale trains on
# The rows that the model is judged by have eight times the items of the others.
HEADLINE = frozenset(
    ("extractive", "unanswerable", "tool_call", "tool_none", "json_by_schema", "documentation")
)
CHAT, EMBED = "ember-evaluated", "ember-embed-evaluated"
DOCUMENT = 4_500  # characters of a held-out document
COUNTED = 24_000_000  # tokens that the 5-gram model counts: about 2 GiB of memory
Figures = dict[str, Any]


def proportion(right: list[bool]) -> list[float]:
    return [sum(right) / len(right), *wilson(sum(right), len(right)), len(right)]


class Tally:
    """Right or wrong by row, and a few failures of each to read."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.rows: dict[str, list[bool]] = defaultdict(list)
        self.failures: dict[str, list[str]] = defaultdict(list)

    def ask(
        self,
        conversations: Sequence[chat.Conversation],
        judge: Callable[[chat.Conversation, dict[str, Any]], dict[str, bool]],
    ) -> None:
        """`judge` says of an answer which rows it is right in and which not."""
        choices = self.served.at_once(lambda c: self.served.answer(CHAT, c), conversations)
        for conversation, choice in zip(conversations, choices, strict=True):
            for row, right in judge(conversation, choice).items():
                self.rows[row].append(right)
                if not right and len(self.failures[row]) < 6:
                    prompt, answer = chat.render(conversation)
                    self.failures[row].append(f"{prompt[-400:]}|{answer}|{choice}")

    def figures(self) -> dict[str, list[float]]:
        return {row: proportion(right) for row, right in sorted(self.rows.items())}


def plain(text: str) -> str:
    return " ".join(text.split()).rstrip(".").casefold()


def is_right(check: dict[str, Any], message: dict[str, Any]) -> bool:
    """An exact match is one of words: case, spaces and a full stop at the end don't matter."""
    if "equals" in check:
        check = {**check, "equals": plain(str(check["equals"]))}
        message = {**message, "content": plain(message.get("content") or "")}
    return checks.is_right(check, message)


def judged(conversation: chat.Conversation, choice: dict[str, Any]) -> dict[str, bool]:
    rows = {
        conversation.task: is_right(conversation.check, choice["message"]),
        "stops by itself": choice["finish_reason"] in ("stop", "tool_calls"),
    }
    if "json" in conversation.check:
        rows["JSON is valid"] = checks.is_json(choice["message"].get("content") or "")
    return rows


def task_figures(served: Served, scale: Scale, facts: tasks.Facts, split: str) -> Tally:
    held_out = split != "train"
    asked: list[chat.Conversation] = []
    for name in tasks.TASKS:
        few = max(1, scale.evaluation_items // 4 if held_out else scale.evaluation_items // 5)
        count = 2 * scale.evaluation_items if held_out and name in HEADLINE else few
        first = 0 if held_out else UNUSED_SEEDS
        asked += [tasks.one(facts, name, split, first + i) for i in range(count)]
    tally = Tally(served)
    tally.ask(asked, judged)
    return tally


def plainest_figures(served: Served, scale: Scale, facts: tasks.Facts) -> Tally:
    """Options that newcomers ask about, in the plainest words: what is remembered of the pages."""
    every = manual.plainest(facts)
    random.Random(0).shuffle(every)
    row = "options of common commands"
    tally = Tally(served)
    chosen = every[: 2 * scale.evaluation_items]
    tally.ask(chosen, lambda asked, choice: {row: is_right(asked.check, choice["message"])})
    return tally


def asked(conversation: chat.Conversation) -> str:
    """The last question; not the functions or the turns before it."""
    return str(conversation.messages[-2].get("content") or "")


def task_leakage(scale: Scale, facts: tasks.Facts) -> Figures:
    """13-grams that the questions of the test share with those of training, by task.

    Noise may repeat itself; a question that training asks word for word would be no test.
    """
    trained, tested = 100 * scale.evaluation_items, 2 * scale.evaluation_items
    found = {
        name: overlap.between(
            [asked(tasks.one(facts, name, "test", i)) for i in range(tested)],
            (asked(tasks.one(facts, name, "train", i)) for i in range(trained)),
        )
        for name in tasks.TASKS
    }
    for name, row in found.items():
        if name != "noise" and row["same"] > 0.05 and row["same"] * row["texts"] > 2:
            raise RuntimeError(f"{name}: questions of the test are questions of training: {row}")
    return {"task_leakage": found, "questions_compared": trained}


def thinking_figures(served: Served, scale: Scale, facts: tasks.Facts) -> tuple[Figures, Tally]:
    """The same questions about dates and units with thinking on and off."""
    questions = []
    for index in range(2 * scale.evaluation_items):
        d = Draw("test", f"dates and units:{index}", facts.words)
        question, reasoning, result = d.rng.choice(arithmetic.DATES_AND_UNITS)(d)
        shown = wrapped(d, question)
        questions.append(answer(d, shown, result, reasoning))

    def row(thinking: bool) -> str:
        return f"dates and units, thinking {'on' if thinking else 'off'}"

    tally = Tally(served)
    tally.ask(
        [replace(question, thinking=on) for on in (True, False) for question in questions],
        lambda asked, choice: {row(asked.thinking): is_right(asked.check, choice["message"])},
    )
    right, without = tally.rows[row(True)], tally.rows[row(False)]
    difference = (sum(right) - sum(without)) / len(questions)
    return {"thinking_gain": [difference, *paired(right, without)]}, tally


def judged_bad(
    kind: str, conversation: chat.Conversation, choice: dict[str, Any]
) -> dict[str, bool]:
    return {
        f"{kind}: brief": bad_input.is_brief(choice),
        f"{kind}: says so": bad_input.says_so(choice),
        f"{kind}: no call": not choice["message"].get("tool_calls"),
    }


def bad_input_figures(
    served: Served, scale: Scale, facts: tasks.Facts, encoder: Tokenizer
) -> Tally:
    tally = Tally(served)
    count = scale.evaluation_items // 2
    for kind, sent in bad_input.items(facts, count, encoder, scale.context).items():
        tally.ask(sent, partial(judged_bad, kind))
    return tally


def spread(documents: list[corpus.Document], count: int, most: int) -> list[corpus.Document]:
    """Held-out documents from many works, at most some of each."""
    rng = random.Random(0)
    shuffled = [d for d in documents if d.kind != "dictionary"]
    rng.shuffle(shuffled)
    taken: Counter[str] = Counter()
    chosen = []
    for document in shuffled:
        source = document.work.split("/")[0]
        if taken[source] < most:
            taken[source] += 1
            chosen.append(document)
    return chosen[:count]


def training_tokens(folder: Path, most: int) -> tuple[NDArray[np.uint16], float]:
    """Up to `most` tokens of training documents from all over the corpus, and their share of it."""
    encoder = tokenizers_stage.load(folder)
    end = encoder.token_to_id(chat.END_OF_TEXT) or 0
    characters = sum(len(d.text) for d in corpus.load(folder, "train"))
    share = min(1.0, 3 * most / max(1, characters))  # a token is three characters or more
    rng = random.Random(0)
    parts: list[NDArray[np.uint16]] = []
    total = read = 0
    for document in corpus.load(folder, "train"):
        if rng.random() < share and total < most:
            ids = encoder.encode(f"# {document.title}\n\n{document.text}").ids
            parts.append(np.array([*ids, end], np.uint16))
            total += len(ids) + 1
            read += len(document.text)
    return np.concatenate(parts)[:most], read / characters


def document_figures(
    served: Served, scale: Scale, folder: Path, documents: list[corpus.Document]
) -> Figures:
    """Bits per byte of held-out documents: the model's, gzip's and a 5-gram model's."""
    encoder = tokenizers_stage.load(folder)
    chosen = spread(documents, scale.evaluation_items, most=12)
    texts = [f"# {d.title}\n\n{d.text[:DOCUMENT]}" for d in chosen]
    tokens, share = training_tokens(folder, COUNTED)
    counted = KneserNey(tokens, encoder.get_vocab_size())
    bits: dict[str, list[float]] = defaultdict(list)
    sizes: list[float] = []
    costs = served.at_once(lambda text: served.bits(CHAT, text), texts)
    for text, found in zip(texts, costs, strict=True):
        ids = np.array(encoder.encode(text).ids, np.uint16)
        bits["ember"].append(float(found.sum()))
        bits["5-gram"].append(float(counted.bits(ids).sum()))
        bits["gzip"].append(8.0 * len(gzip.compress(text.encode(), 9)))
        # Nothing precedes the first token, so it costs none of them anything.
        sizes.append(float(len(text.encode()) - len(encoder.decode([int(ids[0])]).encode())))
    return {
        "bits_per_byte": {
            name: [sum(of) / sum(sizes), *bootstrap(of, sizes), len(texts)]
            for name, of in bits.items()
        },
        "counted": {"tokens": len(tokens), "share": share},
    }


def token_figures(
    served: Served, scale: Scale, encoder: Tokenizer, documents: list[corpus.Document]
) -> Figures:
    """Token for token: llama.cpp behind ingle against the tokenizer that training used."""
    held_out = spread(documents, scale.evaluation_items, 12)
    texts = [d.text[:3_000] for d in held_out] + tables.read("odd_texts")
    found = served.at_once(lambda text: served.tokens(CHAT, text), texts)
    same = [encoder.encode(text).ids == ids for text, ids in zip(texts, found, strict=True)]
    return {"same_tokens": [sum(same), len(same)]}


def retrieval_figures(served: Served, scale: Scale, material: pairs.Material) -> Figures:
    """Recall at 10 among passages of held-out documents, on plain and paraphrased questions."""
    asked, others = pairs.questions(material, "test", 5 * scale.evaluation_items)
    passages = [q.passage for q in asked] + others
    indexed = served.vectors(EMBED, passages, "passage")
    found: Figures = {}
    for kind, queries in (
        ("plain", [q.plain for q in asked]),
        ("paraphrased", [q.paraphrased for q in asked]),
    ):
        vectors = served.vectors(EMBED, queries, "query")
        ours = retrieval.hits(retrieval.cosine(vectors, indexed))
        theirs = retrieval.hits(retrieval.bm25(queries, passages))
        for name, hits in (("ember-embed", ours), ("BM25", theirs)):
            found[f"{name}, {kind}"] = [hits / len(asked), *wilson(hits, len(asked)), len(asked)]
    return {"recall_at_10": found, "passages": len(passages)}


def served_figures(
    scale: Scale, folder: Path, facts: tasks.Facts, documents: list[corpus.Document]
) -> tuple[Figures, dict[str, list[str]]]:
    """Everything that is asked of the server, and failures to read."""
    encoder = tokenizers_stage.load(folder)
    with (
        tempfile.TemporaryDirectory(prefix="ember-") as state,
        Served(Path(state), scale.context) as served,
    ):
        served.add(CHAT, folder / "ember.gguf")
        served.add(EMBED, folder / "ember-embed.gguf")
        figures: Figures = {"tokens_per_second": served.speed(CHAT)}
        figures |= token_figures(served, scale, encoder, documents)
        said("speed and tokens")
        held_out = task_figures(served, scale, facts, "test")
        said("held-out tasks", held_out.figures())
        plain_options = plainest_figures(served, scale, facts)
        seen = task_figures(served, scale, facts, "train").figures()
        said("tasks as in training")
        gain, thought = thinking_figures(served, scale, facts)
        said("thinking on and off", gain | thought.figures())
        bad = bad_input_figures(served, scale, facts, encoder)
        said("bad input", bad.figures())
        figures |= gain
        figures["tasks_seen"] = seen | plain_options.figures()
        figures["tasks"] = held_out.figures() | thought.figures()
        figures["bad_input"] = bad.figures()
        figures |= document_figures(served, scale, folder, documents)
        said("bits per byte")
        material = pairs.gather(corpus.load(folder), facts, splits=("test",))
        figures |= retrieval_figures(served, scale, material)
        said("retrieval")
    tallies = (held_out, plain_options, thought, bad)
    return figures, {row: some for tally in tallies for row, some in tally.failures.items()}


def said(what: str, figures: Figures | None = None) -> None:
    print(f"evaluate: {what} at {time.strftime('%H:%M:%S')}", figures or "", flush=True)


def precision_figures(folder: Path, documents: list[corpus.Document]) -> Figures:
    """The files of other precisions that the export stage left, against half precision."""
    kinds = {k.name: folder / f"ember-{k.name}.gguf" for k in export.FILE_TYPES}
    kinds[export.SHIPPED.name] = folder / "ember.gguf"
    reference = kinds.pop("F16")
    stored = folder / "precision.json"
    elsewhere = json.loads(stored.read_text()) if stored.exists() else {}
    if not reference.exists():
        own = {"bytes": kinds[export.SHIPPED.name].stat().st_size, **elsewhere}
        return {"quantisation": {export.SHIPPED.name: own}} if elsewhere else {}
    chosen = spread(documents, 16, most=2)
    present = {kind: file for kind, file in kinds.items() if file.exists()}
    found = precision.compared(reference, present, [d.text[:2_000] for d in chosen])
    # Weights that travelled as Q8_0 say nothing about Q8_0: that was measured where they were made.
    found[export.SHIPPED.name] |= elsewhere
    return {"quantisation": found}


def run(scale: Scale, folder: Path) -> None:
    """Write figures.json, failures.json, ember.md and ember-embed.md."""
    facts = tasks.load_facts(folder)
    documents = list(corpus.load(folder, "test"))
    figures: Figures = {"scale": scale.name, **task_leakage(scale, facts)}
    said("leakage of tasks", figures)
    asked_of_server, failures = served_figures(scale, folder, facts, documents)
    figures |= asked_of_server | precision_figures(folder, documents)
    leakage = folder / "leakage.json"
    if leakage.exists():
        figures["leakage"] = json.loads(leakage.read_text())
    (folder / "failures.json").write_text(json.dumps(failures, indent=1), encoding="utf-8")
    (folder / "figures.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    cards.write(figures, scale, folder)
    print(cards.summary(figures))
