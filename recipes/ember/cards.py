"""The model cards: templates in `data/`, with the figures that the evaluate stage found."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import jinja2

from ingle.models import facts

from . import export, loop, pairing, tables
from .scale import Scale

LISTS = tables.lists("cards")  # `headline`: the rows that the model is judged by, and the wanted
# The first pattern that a licence's name begins with tells its family.
FAMILIES: dict[str, str] = tables.lists("readers").licences
OTHER = "others"
TABLES = ("headline", "tasks", "bad_input", "documents", "recall", "precision")
Figures = dict[str, Any]


def named(task: str) -> str:
    return str(LISTS.names.get(task, task))


ENVIRONMENT = jinja2.Environment(
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    loader=jinja2.FunctionLoader(lambda name: tables.checked(f"{name}.md.jinja").decode()),
)
ENVIRONMENT.filters |= {"share": "{:.1%}".format, "named": named}
ENVIRONMENT.globals["lists"] = LISTS


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


def family(licence: str) -> str:
    """The family of the licence that is named first."""
    fitting = (n for n, pattern in FAMILIES.items() if re.match(pattern, licence, re.IGNORECASE))
    return next(fitting, OTHER)


def by_family(licences: dict[str, str]) -> dict[str, list[str]]:
    """Packages by the family of their licence, the largest first; of others with their own."""
    packages: dict[str, list[str]] = defaultdict(list)
    for package, licence in sorted(licences.items()):
        name = family(licence)
        first = licence.split(",")[0].strip()
        packages[name].append(f"{package} ({first})" if name == OTHER else package)
    order = sorted(packages, key=lambda name: (name == OTHER, -len(packages[name])))
    return {name: packages[name] for name in order}


def card(name: str, figures: Figures, scale: Scale, folder: Path) -> str:
    tasks, recall = figures["tasks"], figures["recall_at_10"]
    path = folder / "licences.json"
    licences: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return ENVIRONMENT.get_template(name).render(
        scale=scale,
        figures={"leakage": None, "quantisation": None, **figures},
        shipped=export.SHIPPED.name,
        sampling=export,
        pairing=pairing,
        facts=facts,
        compute=loop.costs(folder),
        task_leakage=task_leakage(figures),
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
        families=by_family(licences),
    )


def summary(figures: Figures) -> str:
    made: Any = ENVIRONMENT.get_template("tables").module
    named = TABLES if figures.get("quantisation") else TABLES[:-1]
    parts = [getattr(made, name)(figures) for name in named]
    return "\n\n".join([*parts, f"same tokens: {figures['same_tokens']}"])


def write(figures: Figures, scale: Scale, folder: Path) -> None:
    for name in ("ember", "ember-embed"):
        (folder / f"{name}.md").write_text(card(name, figures, scale, folder), encoding="utf-8")
