"""Translation, measured.

``python -m bench.translation [GROUP ...] [--reference FOLDER]``: FOLDER is where
``npm install @browsermt/bergamot-translator`` was run. Groups:

    same    a hundred sentences through the tiny models: those of the WebAssembly reference, of
            fxtranslate alone and of a node, which have to be the same
    speed   fxtranslate against the reference, in CPU seconds, at the size of Firefox's tiny models
            (random weights) and at that of the tests' models; wanted: >= 1x, and >= 1,500 target
            tokens per CPU second
    node    a node against fxtranslate alone, tiny11 size, one process; wanted: <= 3 % more CPU time
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import fxtranslate
import numpy as np
import psutil
from recipes.marian.binary import (
    Tensor,
    eight_bits,
    floats,
    settings,
    write_model,
    write_shortlist,
    write_vocabulary,
)
from recipes.marian.sentences import sentences

import ingle

STUDENTS = Path(__file__).parents[1] / "tests" / "engines" / "students"
PACKAGE = "node_modules/@browsermt/bergamot-translator"
WIDTH, INNER, ENCODER, DECODER, WORDS = 256, 1536, 6, 2, 32_000
"""Of Firefox's tiny models."""
CANDIDATES = 50
"""Target pieces that a shortlist has for each source piece."""
WANTED_RATE = 1_500


class Folder(NamedTuple):
    """Files of one model."""

    model: Path
    vocabulary: Path
    shortlist: Path

    def opened(self) -> Any:
        """In fxtranslate."""
        words = self.vocabulary.read_bytes()
        return fxtranslate.Translator(
            self.model.read_bytes(), words, words, self.shortlist.read_bytes()
        )


def student(pair: str) -> Folder:
    """One of the tests' models."""
    folder, name = STUDENTS / pair, pair.replace("-", "")
    return Folder(
        folder / f"model.{name}.intgemm.alphas.bin",
        folder / f"vocab.{name}.spm",
        folder / f"lex.50.50.{name}.s2t.bin",
    )


def tiny11(folder: Path) -> Folder:
    """A model of the size of Firefox's tiny ones. Its weights are random, and it never ends."""
    rng = np.random.default_rng(0)
    tensors: list[Tensor] = []

    def weights(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32) * 0.05

    def matrix(name: str, rows: int, columns: int) -> None:
        tensors.extend((eight_bits(name, weights(rows, columns)), floats(f"{name}_QuantMultA", 20)))

    def norm(prefix: str) -> None:
        tensors.append(floats(f"{prefix}_ln_scale", np.ones(WIDTH)))
        tensors.append(floats(f"{prefix}_ln_bias", weights(WIDTH)))

    def attention(prefix: str) -> None:
        for part in "qkvo":
            matrix(f"{prefix}W{part}", WIDTH, WIDTH)
            tensors.append(floats(f"{prefix}b{part}", weights(WIDTH)))
        norm(f"{prefix}Wo")

    def feed_forward(prefix: str) -> None:
        matrix(f"{prefix}ffn_W1", WIDTH, INNER)
        tensors.append(floats(f"{prefix}ffn_b1", weights(INNER)))
        matrix(f"{prefix}ffn_W2", INNER, WIDTH)
        tensors.append(floats(f"{prefix}ffn_b2", weights(WIDTH)))
        norm(f"{prefix}ffn_ffn")

    tensors.append(eight_bits("Wemb", weights(WORDS, WIDTH), embedding=True))
    tensors.extend((floats("Wemb_QuantMultA", 20), floats("none_QuantMultA", 20)))
    bias = weights(WORDS)
    bias[0] = -100  # the end
    tensors.append(floats("decoder_ff_logit_out_b", bias))
    for layer in range(1, ENCODER + 1):
        attention(f"encoder_l{layer}_self_")
        feed_forward(f"encoder_l{layer}_")
    for layer in range(1, DECODER + 1):
        prefix = f"decoder_l{layer}_"
        attention(f"{prefix}context_")
        feed_forward(prefix)
        matrix(f"{prefix}rnn_W", WIDTH, WIDTH)
        matrix(f"{prefix}rnn_Wf", WIDTH, WIDTH)
        tensors.append(floats(f"{prefix}rnn_bf", weights(WIDTH)))
        norm(f"{prefix}rnn_ffn")
    told = settings(vocabulary=WORDS, width=WIDTH, inner=INNER, encoder=ENCODER, decoder=DECODER)
    found = Folder(
        folder / "model.enes.intgemm.alphas.bin",
        folder / "vocab.enes.spm",
        folder / "lex.50.50.enes.s2t.bin",
    )
    write_model(found.model, [*tensors, told])
    write_vocabulary(found.vocabulary, (f"\u2581{word(number)}" for number in range(2, WORDS)))
    targets = [sorted(rng.choice(WORDS, CANDIDATES, replace=False)) for _ in range(WORDS)]
    write_shortlist(found.shortlist, targets, CANDIDATES, CANDIDATES)
    return found


def word(number: int) -> str:
    """A word of letters alone, since numbers have to stay in a translation."""
    return "w" + "".join(chr(ord("a") + int(digit)) for digit in str(number))


def words(count: int, each: int) -> list[str]:
    """Sentences of words of that vocabulary."""
    rng = random.Random(1)
    return [" ".join(word(rng.randrange(2, WORDS)) for _ in range(each)) for _ in range(count)]


class Run(NamedTuple):
    """What a translator made of texts, and what it took."""

    texts: list[str]
    cpu_s: float
    wall_s: float


def alone(folder: Folder, texts: Sequence[str]) -> Run:
    """fxtranslate in this process."""
    translator = folder.opened()
    translator.translate(texts[0])
    cpu, wall = time.process_time(), time.perf_counter()
    found = [translator.translate(text) for text in texts]
    return Run(found, time.process_time() - cpu, time.perf_counter() - wall)


def reference(package: Path, folder: Folder, texts: Sequence[str]) -> Run:
    """Bergamot's WebAssembly in Node."""
    asked = {
        "package": str(package / PACKAGE),
        "model": str(folder.model),
        "vocabulary": str(folder.vocabulary),
        "shortlist": str(folder.shortlist),
        "texts": list(texts),
    }
    script = Path(__file__).with_name("bergamot_reference.cjs")
    done = subprocess.run(
        ["node", str(script)], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    return Run(**json.loads(done.stdout))


async def same(package: Path | None, folder: Path) -> bool:
    """The same sentences by all."""
    holds = True
    with own_place(folder / "same"):
        async with ingle.open_async() as home:
            for pair in ("en-es", "es-en", "en-fr"):
                source, target = pair.split("-")
                await home.pull(f"bergamot:{pair}", source=str(STUDENTS / pair))
                made = list(sentences(100, random.Random(11), source, target))
                texts = [one for one, _ in made]
                bare = alone(student(pair), texts).texts
                asked = await home.translate(texts, target, source=source)
                right = sum(one == two for one, (_, two) in zip(bare, made, strict=True))
                told = f"{pair}: right {right}/100; node as fxtranslate {equal(bare, asked.texts)}"
                holds &= equal(bare, asked.texts) == 100
                if package is not None:
                    wasm = reference(package, student(pair), texts).texts
                    told += f"; fxtranslate as the reference {equal(bare, wasm)}"
                    holds &= equal(bare, wasm) == 100
                print(told)
    return holds


def equal(one: Sequence[str], other: Sequence[str]) -> int:
    """How many are the same."""
    return sum(a.strip() == b.strip() for a, b in zip(one, other, strict=True))


def speed(package: Path | None, folder: Path) -> bool:
    """Target tokens per CPU second."""
    texts = [one for one, _ in sentences(400, random.Random(3), "en", "es")]
    large = words(20, 25)
    model = tiny11(folder)
    rates = []
    for _ in range(3):
        run = alone(model, large)
        rates.append(sum(len(text.split()) for text in run.texts) / run.cpu_s)
    rate = statistics.median(rates)
    print(f"tiny11: {rate:.0f} target tokens per CPU second (wanted {WANTED_RATE})")
    holds = rate >= WANTED_RATE
    if package is not None:
        for name, found, asked in (("tests' model", student("en-es"), texts),
                                   ("tiny11", model, large)):  # fmt: skip
            ratios = []
            for _ in range(3):
                wasm, bare = reference(package, found, asked), alone(found, asked)
                tokens = [sum(len(t.split()) for t in each.texts) for each in (bare, wasm)]
                ratios.append((tokens[0] / bare.cpu_s) / (tokens[1] / wasm.cpu_s))
            ratio = statistics.median(ratios)
            print(f"{name}: {ratio:.2f}x the reference, words per CPU second (wanted 1)")
            holds &= ratio >= 1
    return holds


def tree_cpu_s() -> float:
    """CPU seconds of this process and all beneath it: the node, its worker, what translates."""
    here = psutil.Process()
    times = [each.cpu_times() for each in (here, *here.children(recursive=True))]
    return sum(each.user + each.system for each in times)


async def node(folder: Path) -> bool:
    """What a node adds."""
    (folder / "tiny11").mkdir()
    model = tiny11(folder / "tiny11")
    asked = words(120, 25)
    text = "".join(f"{sentence.capitalize()}. " for sentence in asked)
    lines = [f"{sentence.capitalize()}." for sentence in asked]
    ratios = []
    with own_place(folder / "node"):
        async with ingle.open_async(threads=1) as home:
            await home.pull("bergamot:en-es", source=str(folder / "tiny11"))
            await home.translate(lines[0], "es", source="en")
            for _ in range(5):
                bare = alone(model, lines).cpu_s
                began = tree_cpu_s()
                await home.translate(text, "es", source="en")
                ratios.append((tree_cpu_s() - began) / bare)
    ratio = statistics.median(ratios)
    print(f"node: {ratio:.3f} of the CPU time of fxtranslate alone (wanted <= 1.03), {ratios}")
    return ratio <= 1.03


@contextmanager
def own_place(folder: Path) -> Iterator[None]:
    """Where nodes have their state and models, while the block is entered."""
    names = {"INGLE_STATE_DIR": "state", "INGLE_MODELS_DIR": "models"}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update({name: str(folder / each) for name, each in names.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def main() -> None:
    """Measure the groups that are named, or all; exit status 1 if something does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("groups", nargs="*", default=["same", "speed", "node"])
    parser.add_argument("--reference", type=Path)
    given = parser.parse_args()
    holds = True
    with tempfile.TemporaryDirectory(prefix="ingle-bench-") as name:
        folder = Path(name)
        if "same" in given.groups:
            holds &= asyncio.run(same(given.reference, folder))
        if "speed" in given.groups:
            (folder / "speed").mkdir()
            holds &= speed(given.reference, folder / "speed")
        if "node" in given.groups:
            holds &= asyncio.run(node(folder))
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
