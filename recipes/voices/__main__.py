"""python -m recipes.voices OUT.onnx [--steps N]

Trains a speaker model on espeak-ng's voices (a TDNN with statistics pooling, as x-vectors are:
Snyder et al., 2018) and says how well pieces of voices that it has not heard are told apart. The
same seed makes the same data.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ingle.engines.espeak.espeak_library import espeak
from ingle.sound.filterbank import BANDS, filterbank
from ingle.sound.samples import RATE

TEXTS = (Path(__file__).parents[2] / "bench" / "sentences.txt").read_text().splitlines()
KINDS = [*(f"m{n}" for n in range(1, 9)), *(f"f{n}" for n in range(1, 6)), "croak", "whisper"]
UNHEARD = ("en-us+m5", "en-us+f4", "en-gb-scotland+m2", "en-us+f1")
VOICES = [
    voice
    for accent in ("en-us", "en-gb-x-rp", "en-gb-scotland")
    for voice in (f"{accent}+{kind}" for kind in KINDS)
    if voice not in UNHEARD
]
FRAMES, WIDTH, SIZE, BATCH = 148, 64, 48, 48
SCALE, MARGIN = 20.0, 0.2


class Embedder(nn.Module):
    """Frames to one vector."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(BANDS, WIDTH, 5)
        self.second = nn.Conv1d(WIDTH, WIDTH, 3, dilation=2)
        self.third = nn.Conv1d(WIDTH, 96, 1)
        self.out = nn.Linear(192, SIZE)

    def forward(self, feats: Tensor) -> Tensor:
        found = F.relu(self.first(feats.transpose(1, 2)))
        found = F.relu(self.third(F.relu(self.second(found))))
        mean = found.mean(2)
        spread = (((found - mean[:, :, None]) ** 2).mean(2) + 1e-5).sqrt()
        return self.out(torch.cat([mean, spread], 1))


def spoken(voice: str, seed: int) -> npt.NDArray[np.float32]:
    """Features of one sentence."""
    chance, library = random.Random(seed), espeak()
    data = library.samples(chance.choice(TEXTS), voice, chance.randint(140, 190))
    sound = soxr.resample(
        np.frombuffer(data, np.int16).astype(np.float32) / 32768, library.rate, RATE
    )
    hiss = np.random.default_rng(seed).standard_normal(len(sound)) * 10 ** chance.uniform(-5, -3)
    return filterbank((sound * 10 ** chance.uniform(-1, 0) + hiss).astype(np.float32))


def pieces(found: npt.NDArray[np.float32], chance: random.Random) -> npt.NDArray[np.float32]:
    at = chance.randrange(max(1, len(found) - FRAMES))
    piece = found[at : at + FRAMES]
    piece = np.pad(piece, ((0, FRAMES - len(piece)), (0, 0)), "wrap")
    return piece - piece.mean(0)


def train(steps: int) -> Embedder:
    torch.manual_seed(0)
    chance = random.Random(0)
    data = [[spoken(voice, 100 * n + k) for k in range(6)] for n, voice in enumerate(VOICES)]
    model, centres = Embedder(), nn.Parameter(torch.randn(len(VOICES), SIZE))
    optimizer = torch.optim.AdamW([*model.parameters(), centres], 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for step in range(steps):
        labels = [chance.randrange(len(VOICES)) for _ in range(BATCH)]
        batch = np.stack([pieces(chance.choice(data[label]), chance) for label in labels])
        wanted = torch.tensor(labels)
        alike = F.normalize(model(torch.from_numpy(batch))) @ F.normalize(centres).T
        loss = F.cross_entropy(SCALE * (alike - MARGIN * F.one_hot(wanted, len(VOICES))), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"step {step + 1}: {loss:.3f}", flush=True)
    return model.eval()


def judge(model: Embedder) -> None:
    """The mean cosine of pieces of the same voice that was not heard, and of two of them."""
    chance = random.Random(1)
    rows = [
        np.stack([pieces(spoken(voice, 9000 + n), chance) for n in range(8)]) for voice in UNHEARD
    ]
    with torch.no_grad():
        vectors = [F.normalize(model(torch.from_numpy(row))) for row in rows]
    same = np.mean([float((v @ v.T).sum() - 8) / 56 for v in vectors])
    other = np.mean([float((a @ b.T).mean()) for a in vectors for b in vectors if a is not b])
    print(f"cosine of the same voice {same:.2f}, of another {other:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m recipes.voices", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = train(given.steps)
    judge(model)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model, (torch.zeros(1, FRAMES, BANDS),), str(given.out), dynamo=False,
        input_names=["feats"], output_names=["embs"], opset_version=17,
        dynamic_axes={"feats": {0: "batch", 1: "frames"}, "embs": {0: "batch"}},
    )  # fmt: skip
    print(f"{given.out}: {given.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
