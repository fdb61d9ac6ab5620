"""Trains the tiny translation models of the tests: ``python -m recipes.marian FOLDER``.

A folder for each pair, with the files that Firefox's models have; 20 CPU seconds each. They lie in
``tests/engines/students``.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import sentencepiece
import torch
import torch.nn.functional as F

from recipes.marian.binary import settings, student_tensors, write_model, write_shortlist
from recipes.marian.network import Shape, Student
from recipes.marian.sentences import sentences

PAIRS = (("en", "es"), ("es", "en"), ("en", "fr"))
STEPS, BATCH, LEARNT = 900, 32, 4000
MEASURED = 50
"""Of the last steps, in which the largest inputs of matrices are taken down."""
VOCABULARY = 120
ROWS = 8
"""Pieces of a vocabulary, a multiple: the reference selects columns of a matrix by so many."""


def main(folder: Path) -> None:
    """Train all pairs."""
    for source, target in PAIRS:
        place = folder / f"{source}-{target}"
        place.mkdir(parents=True, exist_ok=True)
        loss = train(place, source, target)
        print(f"{source}-{target}: loss {loss:.4f}")


def train(folder: Path, source: str, target: str) -> float:
    """Train one pair and write its files; the last loss."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng = random.Random(0)
    pairs = list(sentences(LEARNT, rng, source, target))
    name = f"{source}{target}"
    vocabulary = folder / f"vocab.{name}.spm"
    pieces = _vocabulary(vocabulary, [text for pair in pairs for text in pair])
    size = pieces.vocab_size()
    student = Student(Shape(size))
    encoded = [([*pieces.encode(one), 0], [*pieces.encode(other), 0]) for one, other in pairs]
    optimizer = torch.optim.Adam(student.weights.values(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS, 1e-4)
    loss = torch.tensor(0.0)
    for step in range(STEPS):
        if step == STEPS - MEASURED:
            student.largest.clear()
        loss = _loss(student, rng.sample(encoded, BATCH))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    shape = student.shape
    weights = {name: values.detach().numpy() for name, values in student.weights.items()}
    told = settings(
        vocabulary=size, width=shape.width, inner=shape.inner,
        encoder=shape.encoder, decoder=shape.decoder,
    )  # fmt: skip
    tensors = [*student_tensors(weights, student.largest), told]
    write_model(folder / f"model.{name}.intgemm.alphas.bin", tensors)
    every = range(size)
    write_shortlist(folder / f"lex.50.50.{name}.s2t.bin", [every] * size, size, size)
    return float(loss)


def _vocabulary(path: Path, texts: list[str]) -> sentencepiece.SentencePieceProcessor:
    size = _trained(path, texts, []).vocab_size()
    return _trained(path, texts, [f"<unused{number}>" for number in range(-size % ROWS)])


def _trained(
    path: Path, texts: list[str], unused: list[str]
) -> sentencepiece.SentencePieceProcessor:
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.txt"
        corpus.write_text("\n".join(texts), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus), model_prefix=f"{folder}/vocabulary",
            vocab_size=VOCABULARY + len(unused),
            bos_id=-1, eos_id=0, unk_id=1, pad_id=-1, minloglevel=2, hard_vocab_limit=False,
            character_coverage=1.0, normalization_rule_name="identity", split_digits=True,
            user_defined_symbols=["{name}"], control_symbols=unused,
        )  # fmt: skip
        path.write_bytes(Path(f"{folder}/vocabulary.model").read_bytes())
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def _loss(student: Student, batch: list[tuple[list[int], list[int]]]) -> torch.Tensor:
    long = max(len(source) for source, _ in batch), max(len(target) for _, target in batch)
    source = torch.zeros(len(batch), long[0], dtype=torch.long)
    known = torch.zeros(len(batch), long[0], dtype=torch.bool)
    target = torch.zeros(len(batch), long[1], dtype=torch.long)
    wanted = torch.full((len(batch), long[1]), -100)
    for row, (one, other) in enumerate(batch):
        source[row, : len(one)] = torch.tensor(one)
        known[row, : len(one)] = True
        target[row, : len(other)] = torch.tensor(other)
        wanted[row, : len(other)] = torch.tensor(other)
    logits = student.logits(source, known, target)
    return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-100)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
