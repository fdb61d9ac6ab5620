"""Stage 1, corpus: the documentation of free software, as one line of JSON per document.

Debian's documentation packages are fetched by `apt-get download` and read without being
installed; the docstrings of the running Python's standard library are added, and at scale
`tiny` they are all there is. Each document is put in a split by a hash of its name, so a page
that is held out here is held out in every later stage.
"""
# ruff: noqa: SIM905 (word lists are read as words)

from __future__ import annotations

import ast
import gzip
import hashlib
import io
import json
import lzma
import re
import subprocess
import sysconfig
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from .readers import read_dictionary, read_html, read_info, read_roff, tidy
from .scale import Scale

# Packages whose documents are read. Man pages, HTML, Info and text are taken from all of them;
# several are programs that are listed for their manuals alone.
PACKAGES = """
python3.11-doc debian-reference-en debian-handbook debian-faq debian-policy developers-reference
maint-guide harden-doc git-doc git-man bash-doc bash tar sed gawk grep gzip xz-utils zstd findutils
diffutils coreutils util-linux procps psmisc iproute2 iputils-ping net-tools openssh-client rsync
curl wget openssl gnupg gpg systemd cron at sudo passwd login man-db less nano vim-doc vim-runtime
zsh-doc zsh-common manpages manpages-dev perl-doc sqlite3-doc postgresql-doc-15 linux-doc-6.1
ffmpeg-doc imagemagick-doc nginx-doc apache2-doc python-django-doc python-sqlalchemy-doc
python-requests-doc nodejs-doc rust-doc golang-doc golang-1.19-doc octave-doc gnuplot-doc
maxima-doc dict-gcide dict-wn dict-jargon dict-foldoc dict-vera anarchism gimp-help-en apt apt-doc
dpkg dpkg-dev debhelper devscripts make cmake cmake-data ninja-build strace lsof tmux screen parted
e2fsprogs btrfs-progs lvm2 mdadm cryptsetup-bin nftables iptables bind9-dnsutils nmap tcpdump
wireshark-doc samba-common-bin smbclient cups-client git-lfs mercurial subversion pandoc jq ripgrep
fd-find fzf tree htop ncdu entr parallel moreutils imagemagick-6-common ghostscript-doc
poppler-utils groff ruby ri ruby3.1-doc lua5.4 r-doc-html erlang-doc sbcl-doc guile-3.0-dev m4
autoconf automake libtool bison flex tcl-doc tk-doc docker.io podman buildah skopeo lxc
qemu-system-common qemu-utils libvirt-clients ansible fish fish-common emacs-el postfix-doc
exim4-doc-html dovecot-core squid haproxy-doc varnish-doc memcached redis-tools mariadb-client
mariadb-server bc dc units libc-bin dash mawk cpio file unzip zip p7zip-full
""".split()

SKIPPED = re.compile(
    r"changelog|/copyright|/_sources/|genindex|py-modindex|/search\.html|README\.Debian|NEWS\.Debian"
    r"|/man/[a-z]{2}(_|\.|@|/)|/(de|fr|it|es|ja|ru|pt|pl|zh|ko|nl|tr|uk|sv|cs|ro|hu|fi|da)/"
    r"|\.(de|fr|it|es|ja|ru|pt|pl|zh|ko|nl|tr|uk)\.(html|txt)|/examples/.*\.(c|h|pl|sh)$|_8h\.html"
)
STOP_WORDS = frozenset("the of to and a is in that for it be as are this with or if not by".split())
MAXIMUM_PER_PACKAGE = 9_000_000  # characters; no single project should set the tone
MAXIMUM_PER_DOCUMENT = 400_000


@dataclass(frozen=True)
class Document:
    name: str  # unique: package and path
    package: str
    kind: str  # man, html, info, text, dictionary, docstring
    title: str
    split: str  # train, validation or test
    text: str


def split_of(name: str) -> str:
    """2 % test and 1 % validation, by name: the same in every stage and on every machine."""
    bucket = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 100
    return "test" if bucket < 2 else "validation" if bucket == 2 else "train"


def is_prose(text: str) -> bool:
    """English enough to learn from: stop words, letters, and lines that do not repeat."""
    words = re.findall(r"[a-z]+", text.lower())
    if len(text) < 400 or len(words) < 60:
        return False
    letters = sum(c.isalpha() or c == " " for c in text) / len(text)
    common = sum(w in STOP_WORDS for w in words) / len(words)
    lines = [line for line in text.splitlines() if line.strip()]
    return letters > 0.62 and common > 0.12 and len(set(lines)) > 0.6 * len(lines)


def package_file(package: str, folder: Path) -> Path | None:
    found = sorted(folder.glob(f"{package}_*.deb"))
    if not found:
        subprocess.run(
            ["apt-get", "download", "-qq", package], cwd=folder, check=False, capture_output=True
        )
        found = sorted(folder.glob(f"{package}_*.deb"))
    return found[0] if found else None


def licences(copyright_text: str) -> list[str]:
    """Licence names of a machine-readable copyright file (DEP 5), most frequent first."""
    names = re.findall(r"(?m)^License: *(\S[^\n]{0,40})", copyright_text)
    return [name for name, _ in Counter(names).most_common(4)]


def read_member(path: str, data: bytes) -> tuple[str, str] | None:
    """(kind, text) of one file of a package, or None when it is no document."""
    plain = path
    if path.endswith((".gz", ".dz")):
        data, plain = gzip.decompress(data), path[:-3]
    if len(data) > 40_000_000:
        return None
    text = data.decode("utf-8", errors="replace")
    if text.count("\ufffd") > len(text) / 1000:
        return None
    if re.search(r"/man/man[1-8]/", plain):
        return ("man", read_roff(text)) if "\n.so " not in text[:200] else None
    if plain.endswith((".html", ".htm", ".xhtml")):
        return "html", read_html(text)
    if ".info" in plain.rsplit("/", 1)[-1]:
        return "info", read_info(text)
    if plain.endswith(".dict"):
        return "dictionary", read_dictionary(text)
    if plain.endswith((".txt", ".md", ".rst", ".pod")) or re.search(r"/(README|FAQ|INTRO)", plain):
        return "text", tidy(text)
    return None


def package_documents(package: str, folder: Path) -> Iterator[tuple[str, str, str]]:
    """(path, kind, text) of each document of a package; the licence comes as kind `licence`."""
    archive = package_file(package, folder)
    if archive is None:
        return
    tar = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", str(archive)], check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as members:
        for member in members:
            path = member.name.lstrip(".")
            if path == f"/usr/share/doc/{package}/copyright" and member.isfile():
                stream = members.extractfile(member)
                if stream is not None:
                    text = stream.read().decode("utf-8", errors="replace")
                    yield path, "licence", ", ".join(licences(text)) or "see its copyright file"
            if not member.isfile() or SKIPPED.search(path) or not path.startswith("/usr/share/"):
                continue
            stream = members.extractfile(member)
            try:
                read = read_member(path, stream.read()) if stream is not None else None
            except (OSError, EOFError, ValueError, RecursionError):
                continue
            if read is not None:
                yield path, *read


def docstrings() -> Iterator[tuple[str, str, str]]:
    """(path, kind, text): the docstrings of each module of the standard library."""
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
        yield f"{module}", "docstring", tidy("\n\n".join(parts))


def collect(scale: Scale, folder: Path) -> Iterator[Document]:
    seen_paragraphs: set[bytes] = set()
    licence_of: dict[str, str] = {"python": "PSF-2.0"}

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

    debs = folder / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    for package in ["python", *(PACKAGES if scale.packages else [])]:
        taken = 0
        members = docstrings() if package == "python" else package_documents(package, debs)
        for path, kind, text in members:
            if kind == "licence":
                licence_of[package] = text
                continue
            if taken > MAXIMUM_PER_PACKAGE:
                break
            text = unique(text[: MAXIMUM_PER_DOCUMENT if kind != "dictionary" else 12_000_000])
            if not is_prose(text):
                continue
            name = path.rsplit("/", 1)[-1]
            title = re.sub(r"(\.gz|\.html|\.txt|\.info|\.rst)+$", "", name)
            taken += len(text)
            # Long works are cut in pieces, so that a split is by chapter and a shuffle mixes them.
            for index in range(0, len(text), 60_000):
                piece = text[index : index + 60_000]
                identity = f"{package}:{path}:{index}"
                yield Document(identity, package, kind, title, split_of(identity), piece)
    (folder / "licences.json").write_text(json.dumps(licence_of, indent=1), encoding="utf-8")


def run(scale: Scale, folder: Path) -> None:
    """Write corpus.jsonl.xz and licences.json."""
    total: Counter[str] = Counter()
    with lzma.open(folder / "corpus.jsonl.xz", "wt", encoding="utf-8", preset=scale.xz) as out:
        for document in collect(scale, folder):
            out.write(json.dumps(asdict(document), ensure_ascii=False) + "\n")
            total[document.split] += len(document.text)
            if sum(total.values()) > scale.corpus_characters:
                break
    print(f"corpus: {dict(total)} characters")


def load(folder: Path, split: str | None = None) -> Iterator[Document]:
    with lzma.open(folder / "corpus.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            document = Document(**json.loads(line))
            if split is None or document.split == split:
                yield document
