"""The model cards, in plain words; every figure comes from the evaluate stage."""
# ruff: noqa: E501 (a card is read as it will be)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ingle.models import facts

from . import compute, export, licences, pairing
from .scale import Scale

# The rows the model is judged by, in this order: (words, kind of figure, its row, least wanted).
HEADLINE = [
    ("extractive questions, exact match", "tasks", "extractive", 0.70),
    ("unanswerable recognised", "tasks", "unanswerable", 0.80),
    ("right tool with valid arguments", "tasks", "tool_call", 0.90),
    ("no call when none is needed", "tasks", "tool_none", 0.90),
    ("JSON valid without a grammar", "tasks", "JSON is valid", 0.95),
    ("stops by itself", "tasks", "stops by itself", 0.99),
    ("date and unit arithmetic, thinking on", "tasks", "dates and units, thinking on", 0.60),
    ("date and unit arithmetic, thinking off", "tasks", "dates and units, thinking off", None),
]
NAMES = {
    "extractive": "questions about a text, exact match",
    "unanswerable": "says when the text does not answer",
    "tool_call": "right function, right arguments",
    "tool_none": "no call when none is needed",
    "documentation": "questions about documentation, exact match",
    "yes_no": "yes or no about a text",
    "json_by_schema": "JSON from a text, every field right",
    "json_array": "JSON array from a list",
    "tool_calls": "several calls, all right",
    "tool_result": "tells a function's result",
    "manual_purpose": "what a command is for, word for word",
    "manual_option": "what an option does, word for word",
    "ingle": "names the right ingle command",
    "unknowable": "says that it does not know",
    "noise": "noise and foreign languages: says so",
    "arithmetic": "all arithmetic, thinking on or off",
    "small_talk": "small talk (any answer)",
    "title": "a title (any answer)",
}
# What the figures cannot say themselves: how the tasks of training came to be.
READ_BEFORE = """How far to trust `held out`: failures of an earlier version on held-out items, and later the lists of which
each fifth entry is held out, were read before new wordings were written for training, so training has near variants of
held-out phrasings. Wordings that said the same were removed by program; others are only alike. Stages that compare weights (reward) do so
on validation seeds, which share the held-out phrasings with the test but not its contents."""
Row = list[float]


def percent(row: Row) -> str:
    return f"{row[0]:.1%} | {row[1]:.1%} to {row[2]:.1%} | {row[3]:.0f}"


def table(head: str, rows: list[str]) -> str:
    columns = head.count("|") + 1
    return "\n".join([f"| {head} |", "|---" * columns + "|", *(f"| {row} |" for row in rows)])


def headline(figures: dict[str, Any]) -> str:
    rows = []
    for words, kind, name, least in HEADLINE:
        if name in figures[kind]:
            wanted = f"at least {least:.0%}" if least else ""
            rows.append(f"{words} | {percent(figures[kind][name])} | {wanted}")
    gain = figures["thinking_gain"]
    rows.append(
        f"what thinking gains there, points | {gain[0] * 100:.1f} | {gain[1] * 100:.1f} to "
        f"{gain[2] * 100:.1f} | | at least 10"
    )
    bits = figures["bits_per_byte"]["ember"]
    rows.append(
        f"bits per byte of held-out documentation | {bits[0]:.3f} | {bits[1]:.3f} to {bits[2]:.3f} "
        f"| {bits[3]:.0f} | at most 1.35"
    )
    rows.append(
        f"tokens a second, one answer, 2 cores | {figures['tokens_per_second']:.0f} | | | at least 150"
    )
    return table("figure | held out | 95 % | n | wanted", rows)


def other_tasks(figures: dict[str, Any]) -> str:
    seen = figures["tasks_seen"]
    rows = [
        f"{NAMES.get(name, name)} | {seen[name][0]:.1%} | {percent(row)}"
        for name, row in figures["tasks"].items()
        if name in seen
    ]
    plain = seen.get("options of common commands")
    told = (
        f"\n\nOf the options that newcomers ask about first ({plain[3]:.0f} of `ls`, `grep`, `tar` and their like, "
        f"as training asks them, drawn anew), {plain[0]:.1%} are told word for word ({plain[1]:.1%} to {plain[2]:.1%})."
        if plain
        else ""
    )
    return table("task | new seeds | held out | 95 % | n", rows) + told


def documents(figures: dict[str, Any]) -> str:
    rows = [
        f"{name} | {row[0]:.3f} | {row[1]:.3f} to {row[2]:.3f}"
        for name, row in figures["bits_per_byte"].items()
    ]
    return table("model | bits per byte | 95 %", rows)


def quantised(figures: dict[str, Any]) -> str:
    found = figures.get("quantisation")
    if not found:
        return ""
    rows = [
        f"{name} | {row['bytes'] / 1e6:.1f} MB | {row['kl']:.5f} | {between(row)}"
        for name, row in sorted(found.items(), key=lambda item: item[1]["kl"])
    ]
    elsewhere = [name for name, row in found.items() if row.get("interval") is None]
    if elsewhere:
        note = (
            f"{elsewhere[0]} was measured on the machine that trained, from the bf16 weights, on "
            f"held-out documents; the first choice is the same at {found[elsewhere[0]]['same_first']:.2%} of places."
        )
    else:
        note = ""
    listed = table("file | size | KL | 95 % | same first choice", rows)
    return f"""
### Precision

Divergence of the next token's distribution from that of the weights in half precision, in nats a
token on held-out documents. The K-quants (Q6_K, Q5_K, Q4_K) were not measured: neither the `gguf`
package nor the llama.cpp inside ingle can write them.

{listed}

{note}
"""


def between(row: dict[str, Any]) -> str:
    if row.get("interval") is None:
        return f" | {row['same_first']:.1%}"
    low, high = row["interval"]
    return f"{low:.5f} to {high:.5f} | {row['same_first']:.1%}"


def leakage(figures: dict[str, Any]) -> str:
    found = figures.get("leakage")
    if not found:
        return ""
    return (
        f"Of {found['test_documents']:.0f} held-out pieces {found['any']:.1%} share any sequence of 13 "
        f"words with the training documents, and {found['over_1_percent']:.1%} more than a hundredth "
        "of theirs."
    )


def task_leakage(figures: dict[str, Any]) -> str:
    found = figures["task_leakage"]
    count = sum(row["texts"] for row in found.values())

    def share(what: str) -> float:
        return float(sum(row[what] * row["texts"] for row in found.values()) / max(1, count))

    most = sorted(found, key=lambda name: -found[name]["over_10_percent"])[:3]
    listed = ", ".join(f"{NAMES.get(n, n)} {found[n]['over_10_percent']:.0%}" for n in most)
    return (
        f"Of {count:.0f} held-out questions of 13 words or more {share('any'):.1%} share any 13 words in a "
        f"row with {figures['questions_compared']} training questions of their task, {share('over_10_percent'):.1%} more than a tenth of theirs "
        f"(most: {listed}), and {share('same'):.1%} all."
    )


def counted(figures: dict[str, Any]) -> str:
    row = figures["counted"]
    if row["share"] > 0.999:
        return "all of ember's own training documents"
    return (
        f"{row['tokens'] / 1e6:.0f} M tokens of ember's own training documents, taken from all over them "
        f"({row['share']:.0%} of their characters: more does not fit in the memory it may have, and it would be somewhat "
        "better with all of them)"
    )


def limits(figures: dict[str, Any]) -> str:
    """Plain words, and the rows that say how far to trust it."""
    weak = [
        NAMES.get(name, name).replace("_", " ")
        for name, row in figures["tasks"].items()
        if row[0] < 0.5 and "off" not in name
    ]
    weakest = f" It fails more often than not at: {'; '.join(weak)}." if weak else ""
    return (
        "It is very small. It knows what common commands and their options do, and about ingle; "
        "about the world it knows nothing, and says so most of the time. The tables are about tasks "
        "made by program: a person's own words and a function of a kind it has not met are harder "
        f"than `held out`.{weakest} It tells some of the rarer options wrongly. It makes mistakes in "
        "arithmetic, more without thinking, and "
        "answers in English only. Don't use it where a mistake costs something."
    )


def data_section(folder: Path) -> str:
    path = folder / "licences.json"
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return f"""## Data

Documentation of free software from Debian 12 (man pages, HTML, Info and text of {len(found)}
packages), the docstrings of Python's standard library, and tasks generated by
`recipes/ember/tasks/`. No conversation of a person, no output of another model.

Packages by the licence that their copyright files name first:

{licences.grouped(found)}
"""


def bad_input(figures: dict[str, Any]) -> str:
    rows = [f"{name} | {percent(row)}" for name, row in figures["bad_input"].items()]
    return table("sent | right | 95 % | n", rows)


def ember(figures: dict[str, Any], scale: Scale, folder: Path) -> str:
    equal, compared = figures["same_tokens"]
    return f"""# ember

The small language model inside ingle: Qwen3 architecture, {scale.layers} layers, width {scale.width},
{scale.heads} heads ({scale.key_value_heads} key-value), vocabulary {scale.vocabulary}, {export.SHIPPED.name}. Apache-2.0.
Made by `python -m recipes.ember --scale {scale.name}`.

## Compute

{compute.section(folder, scale)}

## Figures

Through `ingle serve` on the shipped file, greedy, judged by program. Exact match ignores case,
spaces and a full stop at the end; arguments of calls and JSON must be equal as values. Held out:
phrasings, names, functions and documents that training never showed, all at once. 95 % intervals:
Wilson's for proportions, bootstrap over documents and over questions for the others.

{headline(figures)}

{task_leakage(figures)}

{READ_BEFORE}

With thinking on and off the same questions are asked. All kinds of task, as training draws them but
from seeds it did not use (`new seeds`: its phrasings and words, other contents), and held out:

{other_tasks(figures)}

What is no good question (`brief`: a short answer that stops and calls nothing):

{bad_input(figures)}

### Held-out documentation

{documents(figures)}

gzip packs each document alone, at level 9. The 5-gram model (interpolated modified Kneser-Ney)
counts ember's own tokens in {counted(figures)}. {leakage(figures)}
The tokenizer of training and llama.cpp's agreed token for token on {equal} of {compared} texts: held-out
documents, odd Unicode, code, control tokens.
{quantised(figures)}
## Use

ChatML with Qwen3's convention for functions and thinking; the template is in the file.
Sampling: temperature {export.TEMPERATURE}, top_p {export.TOP_P}, top_k {export.TOP_K}, min_p {export.MINIMUM_P} (also in the file); temperature 0 is
fine. Context {scale.context} tokens. Thinking helps arithmetic and counting only; elsewhere it writes an
empty block.

## Limits

{limits(figures)}

{data_section(folder)}"""


def beside_bm25(figures: dict[str, Any]) -> str:
    recall = figures["recall_at_10"]
    worse = [
        kind
        for kind in ("plain", "paraphrased")
        if recall[f"ember-embed, {kind}"][0] < recall[f"BM25, {kind}"][0]
    ]
    if not worse:
        return ""
    return (
        f"On {' and '.join(worse)} questions plain word search (BM25) finds more: where both can be "
        "had, use both. "
    )


def embed(figures: dict[str, Any], scale: Scale, folder: Path) -> str:
    rows = [f"{name} | {percent(row)}" for name, row in figures["recall_at_10"].items()]
    return f"""# ember-embed

The small embedding model inside ingle: the first {scale.embed_layers} blocks of ember's trunk, mean pooling,
{scale.width} dimensions, {export.SHIPPED.name}. Apache-2.0.

It wants `{pairing.QUERY}` before what is searched for and `{pairing.PASSAGE}` before what is searched
(both with the space; they are in the file as `{facts.QUERY_PREFIX}` and
`{facts.PASSAGE_PREFIX}`). ingle writes them there if it is told the kind of a text, `query` or
`passage`; other programs have to. Compare by cosine. Up to {pairing.PASSAGE_TOKENS} tokens were trained;
longer passages should be split. English documentation is what it knows.

## Figures

Recall at 10 among {figures["passages"]} passages of held-out documents, through ingle's embeddings
endpoint, 95 % intervals (Wilson).

{table("questions | recall@10 | 95 % | n", rows)}

Plain questions are parts of a sentence of the passage. Paraphrased ones say it in synonyms, another
order and fewer words; of the words that tell something at most a third are also in the passage, and
no pair of synonyms was in training (definitions from a dictionary were, which two of a pair may share).

## Compute

{compute.section(folder, scale)}

## Limits

The questions are made by program; what people ask has not been measured. {beside_bm25(figures)}It knows
English documentation of software and little else.

{data_section(folder)}"""


def summary(figures: dict[str, Any]) -> str:
    parts = [headline(figures), other_tasks(figures), bad_input(figures), documents(figures)]
    parts += [f"{name}: {percent(row)}" for name, row in figures["recall_at_10"].items()]
    return "\n\n".join([*parts, quantised(figures), f"same tokens: {figures['same_tokens']}"])


def write(figures: dict[str, Any], scale: Scale, folder: Path) -> None:
    (folder / "ember.md").write_text(ember(figures, scale, folder), encoding="utf-8")
    (folder / "ember-embed.md").write_text(embed(figures, scale, folder), encoding="utf-8")
