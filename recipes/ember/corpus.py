"""Stage 1, corpus: the documentation of free software, as one line of JSON per document.

Debian's documentation packages are read without being installed; the docstrings of the running
Python's standard library are added, and at scale `tiny` they are all there is.

A whole work (the manuals of one source package; a family of man pages) is in one split, and what
training and held-out works say in the same words is taken from one of them, so that a figure on
held-out text is about text that training never showed.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sysconfig
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from . import debian, overlap, tables, workers
from .readers import tidy
from .scale import Scale

# `held_out` are whole works, of every kind of manual: by source package, before any result was
# seen. Of `always_trained` not even a family of man pages is held out: what a newcomer asks about
# first can only be remembered. `packages` are read for man pages, HTML, Info and text, and so are
# `trained_only`, which came when it was known what is held out: nothing is held out of them.
WORKS = tables.lists("works")
MAXIMUM_PER_PACKAGE = 9_000_000  # characters; no single project should set the tone
MAXIMUM_OF_MORE = 3_000_000  # of the packages that came later: rather many works than long ones
MAXIMUM_PER_DOCUMENT = 400_000
MAXIMUM_PER_DICTIONARY = 12_000_000
PIECE = 60_000  # long works are cut, so that a shuffle mixes them
SAME_TEXT = 0.2  # a held-out piece that shares more of its 13-grams is another copy of trained text


@dataclass(frozen=True)
class Document:
    name: str  # unique: package and path
    package: str
    kind: str  # man, html, help, info, text, dictionary, docstring
    title: str
    work: str  # what is in one split as a whole
    split: str  # train, validation or test
    text: str


def split_of(work: str) -> str:
    """The split of a source package's manuals, or of `source/family`, a family of man pages: of
    these 4 % are for test and 2 % for validation, by name, so the same on every machine."""
    source, _, family = work.partition("/")
    for split, sources in WORKS.held_out.items():
        if source in sources:
            return split
    bucket = int(hashlib.sha256(work.encode()).hexdigest(), 16) % 100
    if not family or source in WORKS.always_trained:
        return "train"
    return "test" if bucket < 4 else "validation" if bucket < 6 else "train"


def is_prose(text: str) -> bool:
    """English enough to learn from: stop words, letters, and lines that do not repeat."""
    words = re.findall(r"[a-z]+", text.lower())
    if len(text) < 400 or len(words) < 60:
        return False
    letters = sum(c.isalpha() or c == " " for c in text) / len(text)
    common = sum(w in WORKS.stop_words for w in words) / len(words)
    lines = [line for line in text.splitlines() if line.strip()]
    return letters > 0.62 and common > 0.12 and len(set(lines)) > 0.6 * len(lines)


def page_family(title: str) -> str:
    """`lvcreate.8` is of `lvcreate`, `nft-list.8` of `nft`."""
    return re.split(r"[-_.:@+]", title.lower())[0]


def docstrings() -> Iterator[debian.Read]:
    """The docstrings of each module of the standard library."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        if relative.parts[0] in ("test", "site-packages", "dist-packages", "idlelib", "lib2to3"):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError, ValueError):
            continue
        module = ".".join(relative.with_suffix("").parts)
        parts = [f"# {module}\n\n{ast.get_docstring(tree) or ''}"]
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                parts.append(f"## {module}.{node.name}\n\n{ast.get_docstring(node)}")
        yield debian.Read(f"{module}", "docstring", tidy("\n\n".join(parts)))


def maximum(package: str) -> int:
    """Characters of a package that are kept."""
    return MAXIMUM_PER_PACKAGE if package not in WORKS.trained_only else MAXIMUM_OF_MORE


def read_package(folder: Path, package: str) -> tuple[str, str, list[debian.Read]]:
    """(package, source, documents); what is no prose is left out, and so is what is too much."""
    if package == "python":
        return package, "python", [r for r in docstrings() if is_prose(r.text)]
    deb = debian.archive(package, folder)
    kept: list[debian.Read] = []
    taken, most = [0], 1.3 * maximum(package)
    for read in debian.members(package, deb, lambda: taken[0] < most) if deb else ():
        if read.kind == "licence":
            kept.append(read)
        elif is_prose(read.text):
            limit = MAXIMUM_PER_DOCUMENT if read.kind != "dictionary" else MAXIMUM_PER_DICTIONARY
            kept.append(read._replace(text=read.text[:limit]))
            taken[0] += min(len(read.text), limit)
    return package, debian.source_of(deb) if deb else package, kept


def collect(scale: Scale, folder: Path) -> list[Document]:
    """Every document once, with its work and its split; licences.json is written."""
    seen_paragraphs: set[bytes] = set()
    licence_of: dict[str, str] = {"python": "PSF-2.0"}
    found: list[Document] = []

    def unique(text: str) -> str:
        """Long paragraphs that an earlier document had (licences, shared options) are cut."""
        kept = []
        for paragraph in text.split("\n\n"):
            key = hashlib.blake2b(paragraph.encode(), digest_size=8).digest()
            if len(paragraph) > 160:
                if key in seen_paragraphs:
                    continue
                seen_paragraphs.add(key)
            kept.append(paragraph)
        return "\n\n".join(kept)

    packages = ["python", *([*WORKS.packages, *WORKS.trained_only] if scale.packages else [])]
    if scale.packages:
        debian.fetch(packages[1:], folder / "debs")
    total = 0
    for package, source, reads in workers.each(read_package, folder / "debs", packages):
        taken = 0
        for path, kind, text in reads:
            if kind == "licence":
                licence_of[package] = text
                continue
            text = unique(text)
            if taken > maximum(package) or not is_prose(text):
                continue
            taken += len(text)
            file = path.rsplit("/", 1)[-1]
            title = re.sub(r"(\.gz|\.html|\.txt|\.info|\.rst)+$", "", file)
            # One page of a man page family tells of the others, as one chapter of a book does.
            families = kind in ("man", "docstring") and package not in WORKS.trained_only
            work = f"{source}/{page_family(title)}" if families else source
            for index in range(0, len(text), PIECE):
                name = f"{package}:{path}:{index}"
                piece = text[index : index + PIECE]
                split = split_of(work)
                found.append(Document(name, package, kind, title, work, split, piece))
        total += taken
        if total > scale.corpus_characters:
            break
    (folder / "licences.json").write_text(json.dumps(licence_of, indent=1), encoding="utf-8")
    return found


def grams_in(documents: list[Document], others: overlap.Hashes) -> Iterator[overlap.Hashes]:
    """Of each document the 13-grams that are in the sorted `others`, in order."""
    for part in workers.chunked(found_in, documents, others):
        yield from part


def found_in(documents: list[Document], others: overlap.Hashes) -> list[overlap.Hashes]:
    own = [overlap.grams(d.text) for d in documents]
    return [grams[overlap.shared(grams, others)] for grams in own]


def taken_apart(documents: list[Document]) -> list[Document]:
    """Without the held-out pieces that training holds too, and then without the paragraphs of
    training (and of validation) that the held-out pieces left share a 13-gram with."""
    held = {d.name: overlap.grams(d.text) for d in documents if d.split != "train"}
    found = grams_in(documents, overlap.union(held.values()))
    shared = {d.name: grams for d, grams in zip(documents, found, strict=True)}
    seen = {
        split: overlap.union(shared[d.name] for d in documents if d.split == split)
        for split in ("train", "validation")
    }

    def copies(document: Document) -> bool:
        own = held[document.name]
        against = [seen["train"]] + ([seen["validation"]] if document.split == "test" else [])
        return any(overlap.shared(own, s).sum() > SAME_TEXT * max(1, len(own)) for s in against)

    kept = [d for d in documents if d.split == "train" or not copies(d)]
    test = overlap.union(held[d.name] for d in kept if d.split == "test")
    both = overlap.union(held[d.name] for d in kept if d.split != "train")
    cut = {"train": both, "validation": test}
    apart = [
        replace(d, text=overlap.without(d.text, cut[d.split]))
        if d.split in cut and overlap.shared(shared[d.name], cut[d.split]).any()
        else d
        for d in kept
    ]
    result = [d for d in apart if len(d.text) >= 300]
    before, after = (sum(len(d.text) for d in some) for some in (documents, result))
    print(f"corpus: {len(documents) - len(kept)} held-out pieces were copies of trained ones;")
    print(f"corpus: {before - after} of {before} characters cut, which held-out works have too")
    return result


def leakage(documents: list[Document]) -> dict[str, float]:
    """Shares of the test documents with any, and with over 1 %, of their 13-grams in training."""
    tests = [overlap.grams(d.text) for d in documents if d.split == "test"]
    trained = [d for d in documents if d.split == "train"]
    seen = overlap.union(grams_in(trained, overlap.union(tests)))
    parts = [float(overlap.shared(own, seen).mean()) if len(own) else 0.0 for own in tests]
    count = max(1, len(parts))
    return {
        "test_documents": len(parts),
        "any": sum(p > 0 for p in parts) / count,
        "over_1_percent": sum(p > 0.01 for p in parts) / count,
    }


def run(scale: Scale, folder: Path) -> None:
    """Write corpus.jsonl, licences.json and leakage.json."""
    documents = taken_apart(collect(scale, folder))
    found = leakage(documents)
    (folder / "leakage.json").write_text(json.dumps(found), encoding="utf-8")
    print(f"corpus: 13-gram overlap of the test documents with training: {found}")
    if found["over_1_percent"] > 0:
        raise RuntimeError(f"held-out documents are in the training text too: {found}")
    total: Counter[str] = Counter()
    with open(folder / "corpus.jsonl", "w", encoding="utf-8") as out:
        for document in documents:
            out.write(json.dumps(asdict(document), ensure_ascii=False) + "\n")
            total[document.split] += len(document.text)
    print(f"corpus: {dict(total)} characters")


def load(folder: Path, split: str | None = None) -> Iterator[Document]:
    with open(folder / "corpus.jsonl", encoding="utf-8") as lines:
        for line in lines:
            document = Document(**json.loads(line))
            if split is None or document.split == split:
                yield document
