"""Stage 10, embed: the first blocks of a trunk, taught to bring queries to passages.

Mean pooling over all tokens; InfoNCE with the other passages of the batch as negatives, many of
them neighbours from the same page. After the first part of the schedule each query also sees the
best wrong passage that the model itself, searching a good many, has just found for it.

A batch may be larger than what fits in memory at once: every part of it is embedded, the loss
gives each vector its gradient, and the parts that were not kept are embedded again to take it
(Gao et al., 2021).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import begin, loop, mixture, model, optimizer, pairing
from .scale import Scale

TEMPERATURE = 0.03
RATE = 0.3  # of pretraining's learning rates
MINED_FROM = 0.25  # of the schedule; what is found for queries before is of no use later
TOO_GOOD = 0.95  # of the right passage's similarity: what is above may well be right too
EVERY = 200  # steps between two probes

WIDTHS = (24, 48, 80, 128)  # tokens of a part; the widest is as wide as the rows


class Embedder(torch.nn.Module):
    def __init__(self, trunk: model.Qwen3) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Causal attention makes padding on the right invisible to what is before it."""
        hidden = self.trunk.hidden(tokens).float()
        inside = torch.arange(tokens.shape[1], device=tokens.device)[None] < lengths[:, None]
        mean = (hidden * inside[:, :, None]).sum(1) / lengths[:, None]
        return F.normalize(mean, dim=-1)


def first_blocks(trunk: model.Qwen3, layers: int) -> model.Qwen3:
    config = model.Config(**{**vars(trunk.config), "layers": layers})
    shorter = model.Qwen3(config)
    wanted = set(shorter.state_dict())
    shorter.load_state_dict({n: t for n, t in trunk.state_dict().items() if n in wanted})
    return shorter


def begun(scale: Scale, folder: Path) -> model.Qwen3:
    """What training goes on from: an embedder, or the first blocks of a trunk."""
    if (folder / begin.EMBEDDER).exists():
        return model.load(folder / begin.EMBEDDER)
    files = (folder / begin.FILE, folder / "pretrained.pt")
    trunk = next(file for file in files if file.exists() or file == files[-1])
    return first_blocks(model.load(trunk), scale.embed_layers)


class Pairs:
    """The rows of the pairing stage, on the device."""

    def __init__(self, file: Path, place: torch.device) -> None:
        rows = np.load(mixture.awaited(file))
        self.rows = torch.from_numpy(rows.view(np.int16)).to(place)
        keys = np.load(file.with_name(f"{file.stem}-keys.npy"))
        self.keys = torch.from_numpy(keys).to(place)

    def queries(self, index: slice | Tensor) -> tuple[Tensor, Tensor]:
        rows = self.rows[index].long()
        return rows[:, : pairing.QUERY_TOKENS], rows[:, -2]

    def passages(self, index: slice | Tensor) -> tuple[Tensor, Tensor]:
        rows = self.rows[index].long()
        return rows[:, pairing.QUERY_TOKENS : -2], rows[:, -1]


def loss_of(q: Tensor, p: Tensor, keys: Tensor, wrong: Tensor | None, wrong_keys: Tensor) -> Tensor:
    """Cross-entropy of the right passage among the batch's, both ways, and the wrong ones."""
    own = torch.arange(len(q), device=q.device)
    same = (keys[:, None] == keys[None]) & ~torch.eye(len(q), dtype=torch.bool, device=q.device)
    scores = (q @ p.T / TEMPERATURE).masked_fill(same, -math.inf)
    wide = scores
    if wrong is not None:
        more = q @ wrong.T / TEMPERATURE
        wide = torch.cat([scores, more.masked_fill(keys[:, None] == wrong_keys, -math.inf)], 1)
    return (F.cross_entropy(wide, own) + F.cross_entropy(scores.T, own)) / 2


class Part(NamedTuple):
    rows: Tensor  # which of them
    tokens: Tensor
    lengths: Tensor


class Parts:
    """Embeds many rows by parts of a few sizes, so that the device need compile no more."""

    def __init__(self, embedder: Embedder, place: torch.device, scale: Scale) -> None:
        self.embedder, self.place = embedder, place
        self.micro, self.kept = scale.embed_micro, scale.embed_kept

    def cut(self, rows: tuple[Tensor, Tensor]) -> list[Part]:
        """Rows of like lengths together, each part as wide as it must be; the last one is filled
        up with its own first row."""
        tokens, lengths = rows
        order = lengths.argsort(descending=True)
        longest = lengths[order[:: self.micro]].tolist()
        found = []
        for number, most in enumerate(longest):
            chosen = order[number * self.micro : (number + 1) * self.micro]
            width = min(w for w in (*WIDTHS, tokens.shape[1]) if w >= most)
            missing = self.micro - len(chosen)
            padded = torch.cat([chosen, chosen[:1].expand(missing)]) if missing else chosen
            part = tokens[padded, : min(width, tokens.shape[1])]
            found.append(Part(chosen, part.contiguous(), lengths[padded].clamp(min=1)))
        return found

    def vectors(self, part: Part) -> Tensor:
        cuda = self.place.type == "cuda"
        with torch.autocast(self.place.type, torch.bfloat16, enabled=cuda):
            found: Tensor = self.embedder(part.tokens, part.lengths)
        return found[: len(part.rows)]

    def all(self, rows: tuple[Tensor, Tensor]) -> Tensor:
        """Vectors without a gradient, by the same compiled code as with one."""
        out = torch.zeros(0)
        for part in self.cut(rows):
            vectors = self.vectors(part).detach()
            out = out if len(out) else vectors.new_zeros((len(rows[0]), vectors.shape[1]))
            out[part.rows] = vectors
        return out

    def step(
        self, wanted: list[tuple[Tensor, Tensor]], loss_of: Callable[[list[Tensor]], Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """The loss of the vectors of each of `wanted`, and its gradient in the parameters."""
        room, outs, kept = self.kept, [], []
        for rows in wanted:
            parts = self.cut(rows)
            found: list[Tensor] = []
            out = torch.zeros((len(rows[0]), self.embedder.trunk.config.width), device=self.place)
            for part in parts:
                vectors = self.vectors(part)
                room -= part.tokens.numel()
                out[part.rows] = vectors.detach()
                found.append(vectors if room > 0 else vectors.detach())
            outs.append(out.requires_grad_())
            kept.append(list(zip(parts, found, strict=True)))
        loss = loss_of(outs)
        loss.backward()  # type: ignore[no-untyped-call]
        for out, parts_of in zip(outs, kept, strict=True):
            assert out.grad is not None
            while parts_of:
                part, vectors = parts_of.pop()
                again = vectors if vectors.requires_grad else self.vectors(part)
                again.backward(out.grad[part.rows])  # type: ignore[no-untyped-call]
        return loss.detach(), [out.detach() for out in outs]


def mined(parts: Parts, pairs: Pairs, first: int, last: int) -> Tensor:
    """For each pair of a range the row whose passage is most like its query and is wrong."""
    index = slice(first, last)
    queries, passages = parts.all(pairs.queries(index)), parts.all(pairs.passages(index))
    keys, found = pairs.keys[index], []
    for i in range(0, len(queries), 1024):
        own = slice(i, min(i + 1024, len(queries)))
        scores = queries[own] @ passages.T
        right = (queries[own] * passages[own]).sum(1, keepdim=True)
        refused = (scores > TOO_GOOD * right) | (keys[own, None] == keys[None])
        found.append(scores.masked_fill(refused, -2.0).argmax(1) + first)
    return torch.cat(found)


def recall(parts: Parts, probed: Pairs, first: int = 10) -> dict[str, float]:
    """Recall at 10 on the validation split: rows with a plain question, then with a paraphrased
    one of the same passages, then passages that nobody asks for (their query is empty)."""
    everything = slice(0, len(probed.rows))
    lengths = probed.queries(everything)[1]
    asked = int((lengths > 0).sum()) // 2
    if asked == 0:
        return {}
    passages = parts.all(probed.passages(slice(asked, len(probed.rows))))
    found = {}
    for number, kind in enumerate(("plain", "paraphrased")):
        queries = parts.all(probed.queries(slice(number * asked, (number + 1) * asked)))
        scores = queries @ passages.T
        own = scores[torch.arange(asked), torch.arange(asked)]
        better = (scores > own[:, None]).sum(1)
        found[kind] = float((better < first).float().mean())
    return found


def run(scale: Scale, folder: Path, minutes: float = math.inf, within: float = math.inf) -> bool:
    """Write embedder.pt."""
    loop.begin(seed=2)
    network = begun(scale, folder)
    embedder = Embedder(network)
    run = loop.Loop(
        "embed", embedder, scale, folder, steps=scale.embed_steps, minutes=minutes, within=within,
        rate=RATE,
    )  # fmt: skip
    place = run.place
    if place.type == "cuda":
        torch._dynamo.config.recompile_limit = 64  # a part's widths, with and without a gradient
        for block in network.blk:
            block.compile(dynamic=False)  # one block's code serves all of them
    parts = Parts(embedder, place, scale)
    pairs, probed = (Pairs(folder / f"{n}.npy", place) for n in ("pairs", "probe-pairs"))
    batch = min(scale.embed_batch, len(pairs.rows))
    print(f"embed: {len(pairs.rows)} pairs", flush=True)
    wrong_of, searched = torch.zeros(0), range(0)  # rows of wrong passages for these pairs
    for part in run.each():
        step = run.step
        if step % EVERY == 0 and step > run.before:
            print(f"embed step {step} recall@10 {recall(parts, probed)}", flush=True)
        first = step % (len(pairs.rows) // batch) * batch
        index = slice(first, first + batch)
        wanted = [pairs.queries(index), pairs.passages(index)]
        keys = wrong_keys = pairs.keys[index]
        if part >= MINED_FROM:
            if not (first in searched and first + batch - 1 in searched):
                most = max(batch, scale.embed_searched // batch * batch)
                searched = range(first, min(first + most, len(pairs.rows)))
                wrong_of = mined(parts, pairs, searched.start, searched.stop)
            # The best wrong passage of every fourth query: they are negatives of all others too.
            place_of = first - searched.start
            chosen = wrong_of[place_of : place_of + batch][step % 4 :: 4]
            wanted.append(pairs.passages(chosen))
            wrong_keys = pairs.keys[chosen]

        def compared(
            vectors: list[Tensor], keys: Tensor = keys, wrong_keys: Tensor = wrong_keys
        ) -> Tensor:
            wrong = vectors[2] if len(vectors) > 2 else None
            return loss_of(vectors[0], vectors[1], keys, wrong, wrong_keys)

        loss, (q, p, *_) = parts.step(wanted, compared)
        run.update(optimizer.schedule(part, decay=0.8))
        if step % 50 == 49 or step == 4:
            hit = ((q @ p.T).argmax(1) == torch.arange(len(q), device=place)).float().mean().item()
            told = f"loss {loss.item():.4f} first {hit:.3f} {run.seconds:.0f} s"
            print(f"embed step {step + 1} ({part:.0%}) {told}", flush=True)
    if run.in_time:
        print(f"embed: {run.step} steps, recall@10 {recall(parts, probed)}")
        run.checkpoint.unlink(missing_ok=True)
        model.save(network, folder / "embedder.pt")
    return run.in_time
