"""python -m recipes.whisper FOLDER OUT [--type f16|q8_0|q5_0|q5_1|q4_0|f32]

Writes the Whisper model in a folder of CTranslate2 (model.bin and its vocabulary) as a file of
whisper.cpp. What CTranslate2 quantised to int8 is written from those numbers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .convert import TYPES, write
from .source import Source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[2])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--type", choices=TYPES, default="f16", help="of the matrices (f16)")
    chosen = parser.parse_args()
    write(Source(chosen.folder), chosen.out, chosen.type)


if __name__ == "__main__":
    main()
