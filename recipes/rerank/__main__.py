"""``python -m recipes.rerank --out FOLDER [--minutes 12]``: ember-rerank.gguf, on two cores."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ingle.models.embedded import FOLDER
from recipes.rerank import examples, export, network
from recipes.rerank.examples import Group

QUERY, LONGEST = 40, 160
"""Tokens of a query, and of a pair."""
GROUPS = 16
"""Of a step."""
CHECKED = 8
"""Batches that are held back."""
REPORTED = 50
"""Steps between two reports."""
RATE = 2e-3
WARM_UP = 0.05
"""Share of the time in which the rate rises."""


class Reader:
    """Groups as rows of token numbers."""

    def __init__(self, file: Path) -> None:
        self.tokenizer, self.vectors = network.vocabulary(file)
        self._query_end = self.tokenizer.token_to_id(network.QUERY_END)
        self._passage_end = self.tokenizer.token_to_id(network.PASSAGE_END)

    def rows(self, groups: list[Group]) -> tuple[Tensor, Tensor]:
        """Tokens (groups x passages, longest) and lengths."""
        found = list[list[int]]()
        for group in groups:
            query = self.tokenizer.encode(group.query).ids[:QUERY]
            for each in self.tokenizer.encode_batch(group.passages):
                room = LONGEST - len(query) - 2
                found.append([*query, self._query_end, *each.ids[:room], self._passage_end])
        lengths = torch.tensor([len(row) for row in found])
        wide = int(lengths.max())
        return torch.tensor([row + [0] * (wide - len(row)) for row in found]), lengths


def batches(folder: Path) -> Iterator[list[Group]]:
    """Groups without end, from the documentation of this machine."""
    every = examples.passages()
    others = examples.synonyms(folder, every)
    print(f"{len(every)} passages", flush=True)
    for first in itertools.count(0, GROUPS):
        yield [examples.group(every, others, first + at) for at in range(GROUPS)]


def train(
    reader: Reader, made: Iterator[list[Group]], left: Callable[[], float]
) -> network.CrossEncoder:
    """Train until nothing is left.

    Args:
        made: groups to learn from; the first `CHECKED` batches are for checking.
        left: the share of the training that is to be done, from 1 down to 0.
    """
    checked = list(itertools.islice(made, CHECKED))
    cross = network.begun(reader.vectors)
    optimizer = torch.optim.AdamW(cross.parameters(), RATE, betas=(0.9, 0.98), weight_decay=0.01)
    step, seen, held = 0, 0, 0.0
    while (share := left()) > 0:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min((1 - share) / WARM_UP, 1.0) * share
        groups = next(made)
        odds = cross.scores(*reader.rows(groups)).view(len(groups), -1)
        loss = F.cross_entropy(odds, torch.zeros(len(groups), dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(cross.parameters(), 1.0)
        optimizer.step()
        step, seen = step + 1, seen + odds.numel()
        held = loss.item() if step == 1 else 0.98 * held + 0.02 * loss.item()
        if step % REPORTED == 0:
            right = accuracy(cross, reader, checked)
            print(f"{step} steps, {seen} pairs, loss {held:.3f}, right {right:.3f}", flush=True)
    return cross


@torch.no_grad()
def accuracy(cross: network.CrossEncoder, reader: Reader, checked: list[list[Group]]) -> float:
    """The share of groups whose right passage has the highest score."""
    right = [
        cross.scores(*reader.rows(groups)).view(len(groups), -1).argmax(-1) == 0
        for groups in checked
    ]
    return float(torch.cat(right).float().mean())


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--out", type=Path, required=True)
    given.add_argument("--minutes", type=float, default=12.0)
    asked = given.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "ember-embed.gguf"
    torch.set_num_threads(2)
    began = time.monotonic()
    cross = train(
        Reader(file),
        batches(asked.out),
        lambda: 1 - (time.monotonic() - began) / (60 * asked.minutes),
    )
    export.write(cross, file, asked.out / "ember-rerank.gguf")


if __name__ == "__main__":
    main()
