"""Licences: what the packages' copyright files name first, grouped by family for the cards."""

from __future__ import annotations

import re
from collections import defaultdict

from . import tables

# The first pattern that a licence's name begins with tells its family.
FAMILIES: dict[str, str] = tables.lists("readers").licences
OTHER = "others"


def family(licence: str) -> str:
    """The family of the licence that is named first."""
    for name, pattern in FAMILIES.items():
        if re.match(pattern, licence, re.IGNORECASE):
            return name
    return OTHER


def grouped(licences: dict[str, str]) -> str:
    """A line of Markdown for each family, the largest first; of others each package's own."""
    packages: dict[str, list[str]] = defaultdict(list)
    for package, licence in sorted(licences.items()):
        name = family(licence)
        first = licence.split(",")[0].strip()
        packages[name].append(f"{package} ({first})" if name == OTHER else package)
    order = sorted(packages, key=lambda name: (name == OTHER, -len(packages[name])))
    return "\n".join(
        f"- {name} ({len(packages[name])}): {', '.join(packages[name])}" for name in order
    )
