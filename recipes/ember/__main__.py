"""python -m recipes.ember --scale tiny|small|full [--stages a,b] [--minutes N] --out DIR"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import math
import sys
import time
from pathlib import Path
from typing import Any

from . import begin, parallel
from .scale import SCALES

STAGES = """corpus tasks tokenizer encode pretrain instruct probe reward pairing embed export
precision evaluate""".split()  # noqa: SIM905
BY_NAME = ("precision",)  # only where it is asked for
TIMED = ("pretrain", "instruct", "reward", "embed")  # those that can end within a time


def value(text: str) -> Any:
    if "," in text:
        return tuple(map(int, text.split(",")))
    return float(text) if "." in text else int(text)


def main() -> int:
    parser = argparse.ArgumentParser(prog="recipes.ember", description=__doc__)
    add, usual = parser.add_argument, ",".join(s for s in STAGES if s not in BY_NAME)
    add("--scale", choices=SCALES, default="tiny")
    add("--stages", default=usual, help="comma-separated, in order")
    add("--minutes", type=float, default=math.inf, help="stop and checkpoint after")
    add("--within", type=float, default=math.inf, help="minutes in which a stage's schedule ends")
    number = "change a number of the scale; A,B if two"
    add("--set", action="append", default=[], metavar="NAME=NUMBER", help=number)
    add("--begin", type=Path, metavar="FILE.gguf", help="train on from these weights")
    add("--begin-embed", type=Path, metavar="FILE.gguf", help="train the embedder on from these")
    add("--out", type=Path, required=True, help="folder for everything it makes")
    arguments = parser.parse_args()
    wanted = arguments.stages.split(",")
    unknown = sorted(set(wanted) - set(STAGES))
    if unknown:
        parser.error(f"unknown stages: {', '.join(unknown)} (there are: {', '.join(STAGES)})")
    changes = dict(change.split("=") for change in arguments.set)
    scale = dataclasses.replace(
        SCALES[arguments.scale], **{name: value(text) for name, text in changes.items()}
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    parallel.begin()
    if arguments.begin is not None:
        begin.write(arguments.begin, arguments.out)
    if arguments.begin_embed is not None:
        begin.write_embedder(arguments.begin_embed, arguments.out)
    for name in STAGES:
        if name not in wanted:
            continue
        started = time.monotonic()
        print(f"== {name} ({scale.name})", flush=True)
        stage = importlib.import_module(f".{name}", __package__)
        if name in TIMED:
            left = arguments.minutes - (started - begun) / 60
            if not stage.run(scale, arguments.out, minutes=left, within=arguments.within):
                print(f"== {name}: out of time; the same command continues from its checkpoint")
                return 3
        else:
            stage.run(scale, arguments.out)
        parallel.wait()
        print(f"== {name} took {time.monotonic() - started:.0f} s", flush=True)
    parallel.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
