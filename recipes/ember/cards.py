"""The model cards: templates in `data/`, with the figures that the evaluate stage found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2

from ingle.models import facts

from . import compute, export, licences, pairing
from . import tables as data
from .scale import Scale

LISTS = data.lists(
    "cards"
)  # `headline`: the rows that the model is judged by, and the least wanted
Row = list[float]
Figures = dict[str, Any]


def template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    environment.filters["share"] = share
    return environment.from_string(data.checked(f"{name}.md.jinja").decode())


def named(task: str) -> str:
    return str(LISTS.names.get(task, task))


def share(part: float) -> str:
    return f"{part:.1%}"


def percent(row: Row) -> str:
    return f"{row[0]:.1%} | {row[1]:.1%} to {row[2]:.1%} | {row[3]:.0f}"


def table(head: str, rows: list[str]) -> str:
    columns = head.count("|") + 1
    return "\n".join([f"| {head} |", "|---" * columns + "|", *(f"| {row} |" for row in rows)])


def headline(figures: Figures) -> str:
    rows = []
    for row in LISTS.headline:
        if row["row"] in figures[row["kind"]]:
            wanted = f"at least {row['least']:.0%}" if row["least"] else ""
            rows.append(f"{row['words']} | {percent(figures[row['kind']][row['row']])} | {wanted}")
    gain, low, high = (100 * points for points in figures["thinking_gain"])
    bits = figures["bits_per_byte"]["ember"]
    interval = f"{bits[1]:.3f} to {bits[2]:.3f} | {bits[3]:.0f}"
    speed = figures["tokens_per_second"]
    rows += [
        f"what thinking gains there, points | {gain:.1f} | {low:.1f} to {high:.1f} | | at least 10",
        f"bits per byte of held-out documentation | {bits[0]:.3f} | {interval} | at most 1.35",
        f"tokens a second, one answer, 2 cores | {speed:.0f} | | | at least 150",
    ]
    return table("figure | held out | 95 % | n | wanted", rows)


def tables(figures: Figures) -> dict[str, str]:
    seen = figures["tasks_seen"]
    tasks = [
        f"{named(name)} | {seen[name][0]:.1%} | {percent(row)}"
        for name, row in figures["tasks"].items()
        if name in seen
    ]
    sent = [f"{name} | {percent(row)}" for name, row in figures["bad_input"].items()]
    documents = [
        f"{name} | {row[0]:.3f} | {row[1]:.3f} to {row[2]:.3f}"
        for name, row in figures["bits_per_byte"].items()
    ]
    recall = [f"{name} | {percent(row)}" for name, row in figures["recall_at_10"].items()]
    return {
        "headline": headline(figures),
        "tasks": table("task | new seeds | held out | 95 % | n", tasks),
        "bad_input": table("sent | right | 95 % | n", sent),
        "documents": table("model | bits per byte | 95 %", documents),
        "recall": table("questions | recall@10 | 95 % | n", recall),
    }


def quantised(figures: Figures) -> str:
    found = figures.get("quantisation")
    if not found:
        return ""
    rows, elsewhere, same = [], "", ""
    for name, row in sorted(found.items(), key=lambda item: item[1]["kl"]):
        interval = ""
        if row.get("interval") is None:
            elsewhere, same = name, f"{row['same_first']:.2%}"
        else:
            interval = "{:.5f} to {:.5f}".format(*row["interval"])
        size, first = f"{row['bytes'] / 1e6:.1f} MB", f"{row['same_first']:.1%}"
        rows.append(f"{name} | {size} | {row['kl']:.5f} | {interval} | {first}")
    listed = table("file | size | KL | 95 % | same first choice", rows)
    return template("precision").render(listed=listed, elsewhere=elsewhere, same=same)


def task_leakage(figures: Figures) -> dict[str, Any]:
    """Over all tasks, and the three of which the most questions share a tenth."""
    found = figures["task_leakage"]
    count = sum(row["texts"] for row in found.values())
    mean = {
        what: sum(row[what] * row["texts"] for row in found.values()) / max(1, count)
        for what in ("any", "over_10_percent", "same")
    }
    most = sorted(found, key=lambda name: -found[name]["over_10_percent"])[:3]
    listed = ", ".join(f"{named(n)} {found[n]['over_10_percent']:.0%}" for n in most)
    return {**mean, "texts": count, "most": listed}


def data_section(folder: Path) -> str:
    path = folder / "licences.json"
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return template("sources").render(packages=len(found), licences=licences.grouped(found))


def card(name: str, figures: Figures, scale: Scale, folder: Path) -> str:
    tasks, recall = figures["tasks"], figures["recall_at_10"]
    return template(name).render(
        scale=scale,
        figures={"leakage": None, **figures},
        shipped=export.SHIPPED.name,
        sampling=export,
        pairing=pairing,
        facts=facts,
        compute=compute.section(folder, scale),
        tables=tables(figures),
        task_leakage=task_leakage(figures),
        quantised=quantised(figures),
        weak=[
            named(name).replace("_", " ")
            for name, row in tasks.items()
            if row[0] < 0.5 and "off" not in name
        ],
        worse=[
            kind
            for kind in ("plain", "paraphrased")
            if recall[f"ember-embed, {kind}"][0] < recall[f"BM25, {kind}"][0]
        ],
        data=data_section(folder),
    )


def summary(figures: Figures) -> str:
    shown = tables(figures)
    parts = [shown[name] for name in ("headline", "tasks", "bad_input", "documents", "recall")]
    return "\n\n".join([*parts, quantised(figures), f"same tokens: {figures['same_tokens']}"])


def write(figures: Figures, scale: Scale, folder: Path) -> None:
    for name in ("ember", "ember-embed"):
        (folder / f"{name}.md").write_text(card(name, figures, scale, folder), encoding="utf-8")
