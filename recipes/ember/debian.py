"""Debian packages as a source of documents: fetched by apt-get, read without being installed."""

from __future__ import annotations

import gzip
import io
import re
import subprocess
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from .readers import read_dictionary, read_help, read_html, read_info, read_roff, tidy

SKIPPED = re.compile(
    r"changelog|/copyright|/_sources/|genindex|py-modindex|/search\.html|README\.Debian|NEWS\.Debian"
    r"|/man/[a-z]{2}(_|\.|@|/)|/(de|fr|it|es|ja|ru|pt|pl|zh|ko|nl|tr|uk|sv|cs|ro|hu|fi|da)/"
    r"|\.(de|fr|it|es|ja|ru|pt|pl|zh|ko|nl|tr|uk)\.(html|txt)|/examples/.*\.(c|h|pl|sh)$|_8h\.html"
    r"|/help/(?!C/)|/doc/(kde/)?HTML/(?!en/)"
)
MAXIMUM_FILE = 40_000_000  # bytes


READERS: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    (r"/man/man[1-8]/", "man", read_roff),
    (r"\.(html|htm|xhtml)$", "html", read_html),
    (r"\.(page|docbook)$", "help", read_help),
    (r"\.info[^/]*$", "info", read_info),
    (r"\.dict$", "dictionary", read_dictionary),
    (r"\.(txt|md|rst|pod)$|/(README|FAQ|INTRO)", "text", tidy),
)


class Read(NamedTuple):
    path: str
    kind: str  # man, html, help, info, text, dictionary
    text: str


def output(*command: str, folder: Path | None = None) -> bytes:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout


def fetch(packages: list[str], folder: Path) -> None:
    """Download what the folder lacks, in one call; names that apt does not know are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [p for p in packages if not list(folder.glob(f"{p}_*.deb"))]
    if not missing:
        return
    show = ["apt-cache", "show", "--no-all-versions", *missing]
    shown = subprocess.run(show, check=False, capture_output=True, text=True).stdout
    known = sorted(set(re.findall(r"(?m)^Package: (\S+)$", shown)) & set(missing))
    if known:
        output("apt-get", "download", "-qq", *known, folder=folder)


def archive(package: str, folder: Path) -> Path | None:
    found = sorted(folder.glob(f"{package}_*.deb"))
    return found[0] if found else None


def source_of(deb: Path) -> str:
    """The source package: what several binary packages with the same manuals have in common."""
    shown = output("dpkg-deb", "-f", str(deb), "Source", "Package").decode()
    fields = dict(line.split(": ", 1) for line in shown.splitlines() if ": " in line)
    return re.sub(r"-[\d.]+$", "", fields.get("Source", fields["Package"]).split()[0])


def licences(copyright_text: str) -> list[str]:
    """Licence names of a machine-readable copyright file (DEP 5), most frequent first."""
    names = re.findall(r"(?m)^License: *(\S[^\n]{0,40})", copyright_text)
    return [name.strip() for name, _ in Counter(names).most_common(4)]


def read_member(path: str, data: bytes) -> Read | None:
    """One file of a package, or None when it is no document."""
    plain = path
    if path.endswith((".gz", ".dz")):
        data, plain = gzip.decompress(data), path[:-3]
    if len(data) > MAXIMUM_FILE:
        return None
    text = data.decode("utf-8", errors="replace")
    if text.count("\ufffd") > len(text) / 1000:
        return None
    for pattern, kind, reader in READERS:
        if re.search(pattern, plain):
            elsewhere = kind == "man" and "\n.so " in text[:200]
            return None if elsewhere else Read(path, kind, reader(text))
    return None


def members(package: str, deb: Path, wanted: Callable[[], bool]) -> Iterator[Read]:
    """The documents of a package while they are wanted; its licences, as kind `licence`, always."""
    tar = output("dpkg-deb", "--fsys-tarfile", str(deb))
    with tarfile.open(fileobj=io.BytesIO(tar)) as files:
        for member in files:
            path = member.name.lstrip(".")
            stream = files.extractfile(member) if member.isfile() else None
            if stream is None or not path.startswith("/usr/share/"):
                continue
            if path == f"/usr/share/doc/{package}/copyright":
                text = stream.read().decode("utf-8", errors="replace")
                names = ", ".join(licences(text)) or "see its copyright file"
                yield Read(path, "licence", names)
            if SKIPPED.search(path) or not wanted():
                continue
            try:
                read = read_member(path, stream.read())
            except (OSError, EOFError, ValueError, RecursionError):
                continue
            if read is not None:
                yield read
