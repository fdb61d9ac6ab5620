"""Licences: what the packages' copyright files name first, grouped by family for the cards."""

from __future__ import annotations

import re
from collections import defaultdict

# The first pattern that a licence's name begins with tells its family.
FAMILIES = [
    ("GNU AGPL", r"agpl"),
    ("GNU LGPL", r"lgpl|lpgl|library gpl"),
    ("GNU FDL", r"gfdl|gnu free doc"),
    ("Artistic or GPL, as Perl", r"artistic|perl|gpl-1\+ or artistic"),
    ("GNU GPL", r"gpl|gnu gpl|gnu general"),
    ("Apache", r"apache"),
    ("MIT, Expat, ISC, X11", r"mit\b|expat|isc\b|x11"),
    ("BSD", r"bsd|the-clear-bsd"),
    ("Mozilla, Eclipse", r"mpl|epl"),
    ("Creative Commons", r"cc-by"),
    ("public domain, CC0, Unlicense", r"public|pd\b|cc0|unlicense"),
    ("zlib, Boost", r"zlib|bsl"),
    ("named only in the package's copyright file", r"see its copyright"),
]
OTHER = "others"


def family(licence: str) -> str:
    """The family of the licence that is named first."""
    for name, pattern in FAMILIES:
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
