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
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from . import bad_input, cards, chat, corpus, export, overlap, precision, retrieval, tables, tasks
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
Rows = dict[str, list[bool]]
Judge = Callable[[chat.Conversation, dict[str, Any]], dict[str, bool]]


def proportion(right: list[bool]) -> list[float]:
    return [sum(right) / len(right), *wilson(sum(right), len(right)), len(right)]


@dataclass
class Setting:
    """What the measures are taken with, and a few failures of each row to read."""

    served: Served
    scale: Scale
    folder: Path
    facts: tasks.Facts
    documents: list[corpus.Document]  # held out
    failures: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @cached_property
    def encoder(self) -> Tokenizer:
        return tokenizers_stage.load(self.folder)

    def ask(self, conversations: Sequence[chat.Conversation], judge: Judge) -> Rows:
        """Right or wrong by row; `judge` says which rows an answer is right in and which not."""
        rows: Rows = defaultdict(list)
        choices = self.served.at_once(lambda c: self.served.answer(CHAT, c), conversations)
        for conversation, choice in zip(conversations, choices, strict=True):
            for row, right in judge(conversation, choice).items():
                rows[row].append(right)
                if not right and len(self.failures[row]) < 6:
                    prompt, answer = chat.render(conversation)
                    self.failures[row].append(f"{prompt[-400:]}|{answer}|{choice}")
        return rows


def proportions(rows: Rows) -> dict[str, list[float]]:
    return {row: proportion(right) for row, right in sorted(rows.items())}


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


def of_tasks(x: Setting, split: str) -> Rows:
    held_out, items = split != "train", x.scale.evaluation_items
    asked: list[chat.Conversation] = []
    for name in tasks.TASKS:
        few = max(1, items // 4 if held_out else items // 5)
        count = 2 * items if held_out and name in HEADLINE else few
        first = 0 if held_out else UNUSED_SEEDS
        asked += [tasks.one(x.facts, name, split, first + i) for i in range(count)]
    return x.ask(asked, judged)


def tasks_seen(x: Setting) -> Figures:
    """And options that newcomers ask about, in the plainest words: what is remembered of pages."""
    unread = replace(x, failures=defaultdict(list))  # it is failures of the test that tell
    seen = proportions(of_tasks(unread, "train"))
    every = manual.plainest(x.facts)
    random.Random(0).shuffle(every)
    row, chosen = "options of common commands", every[: 2 * x.scale.evaluation_items]
    plain_options = x.ask(chosen, lambda c, choice: {row: is_right(c.check, choice["message"])})
    return {"tasks_seen": seen | proportions(plain_options)}


def tasks_held_out(x: Setting) -> Figures:
    """And the same questions about dates and units with thinking on and off."""
    questions = []
    for index in range(2 * x.scale.evaluation_items):
        d = Draw("test", f"dates and units:{index}", x.facts.words)
        question, reasoning, result = d.rng.choice(arithmetic.DATES_AND_UNITS)(d)
        questions.append(answer(d, wrapped(d, question), result, reasoning))

    def row(thinking: bool) -> str:
        return f"dates and units, thinking {'on' if thinking else 'off'}"

    held_out = of_tasks(x, "test")
    thought = x.ask(
        [replace(question, thinking=on) for on in (True, False) for question in questions],
        lambda c, choice: {row(c.thinking): is_right(c.check, choice["message"])},
    )
    right, without = thought[row(True)], thought[row(False)]
    gain = (sum(right) - sum(without)) / len(questions)
    return {
        "thinking_gain": [gain, *paired(right, without)],
        "tasks": proportions(held_out) | proportions(thought),
    }


def judged_bad(
    kind: str, conversation: chat.Conversation, choice: dict[str, Any]
) -> dict[str, bool]:
    return {
        f"{kind}: brief": bad_input.is_brief(choice),
        f"{kind}: says so": bad_input.says_so(choice),
        f"{kind}: no call": not choice["message"].get("tool_calls"),
    }


def of_bad_input(x: Setting) -> Figures:
    items = bad_input.items(x.facts, x.scale.evaluation_items // 2, x.encoder, x.scale.context)
    found: Rows = {}
    for kind, sent in items.items():
        found |= x.ask(sent, partial(judged_bad, kind))
    return {"bad_input": proportions(found)}


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


def of_documents(x: Setting) -> Figures:
    """Bits per byte of held-out documents: the model's, gzip's and a 5-gram model's."""
    encoder = x.encoder
    chosen = spread(x.documents, x.scale.evaluation_items, most=12)
    texts = [f"# {d.title}\n\n{d.text[:DOCUMENT]}" for d in chosen]
    tokens, share = training_tokens(x.folder, COUNTED)
    counted = KneserNey(tokens, encoder.get_vocab_size())
    bits: dict[str, list[float]] = defaultdict(list)
    sizes: list[float] = []
    costs = x.served.at_once(lambda text: x.served.bits(CHAT, text), texts)
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


def of_tokens(x: Setting) -> Figures:
    """Token for token: llama.cpp behind ingle against the tokenizer that training used."""
    held_out = spread(x.documents, x.scale.evaluation_items, 12)
    texts = [d.text[:3_000] for d in held_out] + tables.read("odd_texts")
    found = x.served.at_once(lambda text: x.served.tokens(CHAT, text), texts)
    same = [x.encoder.encode(text).ids == ids for text, ids in zip(texts, found, strict=True)]
    return {"same_tokens": [sum(same), len(same)]}


def of_retrieval(x: Setting) -> Figures:
    """Recall at 10 among passages of held-out documents, on plain and paraphrased questions."""
    material = pairs.gather(corpus.load(x.folder), x.facts, splits=("test",))
    asked, others = pairs.questions(material, "test", 5 * x.scale.evaluation_items)
    passages = [q.passage for q in asked] + others
    indexed = x.served.vectors(EMBED, passages, "passage")
    found: Figures = {}
    for kind in ("plain", "paraphrased"):
        queries = [getattr(q, kind) for q in asked]
        ours = retrieval.cosine(x.served.vectors(EMBED, queries, "query"), indexed)
        for name, scores in (("ember-embed", ours), ("BM25", retrieval.bm25(queries, passages))):
            hits = retrieval.hits(scores)
            found[f"{name}, {kind}"] = [hits / len(asked), *wilson(hits, len(asked)), len(asked)]
    return {"recall_at_10": found, "passages": len(passages)}


# Everything that is asked of the server, in this order.
MEASURES: list[Callable[[Setting], Figures]] = [
    lambda x: {"tokens_per_second": x.served.speed(CHAT)},
    of_tokens, tasks_held_out, tasks_seen, of_bad_input, of_documents, of_retrieval,
]  # fmt: skip


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
    with (
        tempfile.TemporaryDirectory(prefix="ember-") as state,
        Served(Path(state), scale.context) as served,
    ):
        served.add(CHAT, folder / "ember.gguf")
        served.add(EMBED, folder / "ember-embed.gguf")
        setting = Setting(served, scale, folder, facts, documents)
        for measure in MEASURES:
            found = measure(setting)
            print(f"evaluate: {time.strftime('%H:%M:%S')}", found, flush=True)
            figures |= found
    figures |= precision_figures(folder, documents)
    leakage = folder / "leakage.json"
    if leakage.exists():
        figures["leakage"] = json.loads(leakage.read_text())
    failures = json.dumps(setting.failures, indent=1)
    (folder / "failures.json").write_text(failures, encoding="utf-8")
    (folder / "figures.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    cards.write(figures, scale, folder)
    print(cards.summary(figures))
