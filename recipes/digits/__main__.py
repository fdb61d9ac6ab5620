"""python -m recipes.digits OUT [--steps N] [--clips N]

Trains recognisers of spoken digits in the shape of NVIDIA NeMo's on espeak-ng's voices, writes them
as onnx-asr reads them, OUT/tdt and OUT/ctc, and says how much of held-out clips each hears exactly.
A few minutes on one core; the same seed makes the same data.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import onnx_asr
import torch
import torch.nn.functional as F
from onnx_asr.preprocessors.numpy_preprocessor import NemoPreprocessorNumpy
from torch import Tensor, nn

from .network import (
    BLANK,
    MELS,
    PREDICTED,
    SUBSAMPLING,
    WIDTH,
    CtcHead,
    Decoder,
    Encoder,
    transducer_loss,
)
from .spoken import MOST_S, WORDS, Clip, clips

BATCH = 16
FRAMES = int(MOST_S * 100) + 12
HELD_OUT = 200


def features(data: list[Clip]) -> tuple[Tensor, Tensor]:
    """Log-mel features of clips, and how many frames of each are its own."""
    prepare = NemoPreprocessorNumpy(f"nemo{MELS}")
    found, lengths = np.zeros((len(data), MELS, FRAMES), np.float32), []
    for row, clip in zip(found, data, strict=True):
        each, length = prepare(clip.samples[None], np.array([len(clip.samples)]))
        lengths.append(min(int(length[0]), FRAMES))
        row[:, : each.shape[2]] = each[0][:, :FRAMES]
    return torch.from_numpy(found), torch.tensor(lengths)


def train(data: list[Clip], steps: int) -> tuple[Encoder, Decoder, CtcHead]:
    torch.manual_seed(0)
    encoder, decoder = Encoder(), Decoder()
    head = CtcHead(encoder)
    heard, lengths = features(data)
    counts = torch.tensor([len(clip.words) for clip in data])
    words = nn.utils.rnn.pad_sequence([torch.tensor(clip.words) for clip in data], batch_first=True)
    weights = [*decoder.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    start = time.process_time()
    for step in range(steps):
        rows = torch.randint(0, len(data), (BATCH,))
        frames = int(lengths[rows].max())
        encoded, long = encoder(heard[rows, :, :frames], lengths[rows])
        votes = head.votes(encoded).transpose(0, 1)
        loss = transducer_loss(encoded, long, decoder, words[rows], counts[rows])
        loss = loss + F.ctc_loss(votes, words[rows], long, counts[rows], BLANK)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"step {step + 1}: {loss:.3f}, {time.process_time() - start:.0f} s", flush=True)
    return encoder.eval(), decoder.eval(), head.eval()


def export(out: Path, encoder: Encoder, decoder: Decoder, head: CtcHead) -> None:
    some = (torch.zeros(1, MELS, FRAMES), torch.tensor([FRAMES]))
    batch, time_axis = {0: "batch"}, {0: "batch", 2: "time"}
    for kind in ("tdt", "ctc"):
        folder = out / kind
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"\u2581{word} {number}\n" for number, word in enumerate(WORDS)]
        (folder / "vocab.txt").write_text("".join(lines) + f"<blk> {BLANK}\n", encoding="utf-8")
        config = {
            "model_type": f"nemo-conformer-{kind}",
            "features_size": MELS,
            "subsampling_factor": SUBSAMPLING,
        }
        (folder / "config.json").write_text(json.dumps(config) + "\n")
    _write(
        encoder, some, out / "tdt/encoder-model.onnx",
        ["audio_signal", "length"], ["outputs", "encoded_lengths"],
        {"audio_signal": time_axis, "length": batch, "outputs": time_axis},
    )  # fmt: skip
    state = torch.zeros(1, 1, PREDICTED)
    target = torch.zeros(1, 1, dtype=torch.int32), torch.ones(1, dtype=torch.int32)
    _write(
        decoder, (torch.zeros(1, WIDTH, 1), *target, state, state),
        out / "tdt/decoder_joint-model.onnx",
        ["encoder_outputs", "targets", "target_length", "input_states_1", "input_states_2"],
        ["outputs", "prednet_lengths", "output_states_1", "output_states_2"], {},
    )  # fmt: skip
    _write(
        head, some, out / "ctc/model.onnx", ["audio_signal", "length"], ["logprobs"],
        {"audio_signal": time_axis, "length": batch, "logprobs": {0: "batch", 1: "time"}},
    )  # fmt: skip


def _write(
    module: nn.Module,
    some: tuple[Tensor, ...],
    path: Path,
    inputs: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> None:
    torch.onnx.export(
        module, some, path, input_names=inputs, output_names=outputs, dynamic_axes=axes,
        dynamo=False, opset_version=17,
    )  # fmt: skip


def exact(folder: Path, kind: str, data: list[Clip]) -> int:
    """Clips of which onnx-asr hears every word."""
    model = onnx_asr.load_model(f"nemo-conformer-{kind}", folder)
    return sum(
        model.recognize(clip.samples) == " ".join(WORDS[word] for word in clip.words)
        for clip in data
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[2])
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--clips", type=int, default=3000)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    export(chosen.out, *train(clips(chosen.clips, 1), chosen.steps))
    held_out = clips(HELD_OUT, 2)
    for kind in ("tdt", "ctc"):
        found = exact(chosen.out / kind, kind, held_out)
        print(f"{kind}: {found}/{HELD_OUT} clips exactly")


if __name__ == "__main__":
    main()
