"""The model: Qwen3's audio encoder and projector, as llama.cpp computes them, before a Qwen3."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..digits.spoken import WORDS
from ..ember.model import Config, Qwen3
from ..shapes.network import LANGUAGE, LAYERS, WIDTH, EncoderBlock, answers
from .spectrum import CHUNK, MELS

CHANNELS = 24
TOKENS = 13
"""Of the language model, for each second: three convolutions halve `CHUNK` spectra."""
BLANK = len(WORDS)


class Ears(nn.Module):
    """Spectra to what the language model reads: `TOKENS` rows a second."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv2d_1, self.conv2d_2, self.conv2d_3 = (
            nn.Conv2d(channels, CHANNELS, 3, 2, 1) for channels in (1, CHANNELS, CHANNELS)
        )
        self.conv_out = nn.Linear(CHANNELS * MELS // 8, WIDTH, bias=False)
        self.position_embd = nn.Embedding(TOKENS, WIDTH)
        self.blk = nn.ModuleList(EncoderBlock(F.gelu) for _ in range(LAYERS))
        self.post_ln = nn.LayerNorm(WIDTH, 1e-5)
        self.mlp_1, self.mlp_2 = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, width)

    def forward(self, spectra: Tensor) -> Tensor:
        """Clips of one length, `MELS`, spectra; to clips, tokens, width."""
        clips, seconds = len(spectra), spectra.shape[2] // CHUNK
        x = spectra.unflatten(2, (seconds, CHUNK)).permute(0, 2, 1, 3).flatten(0, 1)[:, None]
        for convolution in (self.conv2d_1, self.conv2d_2, self.conv2d_3):
            x = F.gelu(convolution(x))
        x = self.conv_out(x.permute(0, 3, 1, 2).flatten(2)) + self.position_embd.weight
        x = x.reshape(clips, seconds * TOKENS, WIDTH)
        for block in self.blk:
            x = block(x)
        heard: Tensor = self.mlp_2(F.gelu(self.mlp_1(self.post_ln(x))))
        return heard


class Batch(NamedTuple):
    """What a step learns from: clips of one number of seconds, and a conversation about each."""

    spectra: Tensor
    words: Tensor
    """Of all clips, one after the other: places in `WORDS`."""
    counts: Tensor
    """How many words each clip has."""
    tokens: Tensor
    """Conversations, tokens; -1 where something heard stands."""
    labels: Tensor
    """The same, each place with what follows it; -100 where that is no answer."""


class Hearing(nn.Module):
    """Both halves."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.language = Qwen3(Config(vocabulary=vocabulary, **LANGUAGE))  # type: ignore[arg-type]
        self.ears = Ears(self.language.config.width)
        self.votes = nn.Linear(self.language.config.width, BLANK + 1)
        """Tells from what is heard which words were said. For training alone."""

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Mean losses of the answers and of the words, and which tokens of the answers are
        right."""
        heard = self.ears(batch.spectra)
        votes = self.votes(heard).log_softmax(-1).transpose(0, 1)
        lengths = torch.full((len(heard),), heard.shape[1])
        hearing = F.ctc_loss(votes, batch.words, lengths, batch.counts, BLANK)
        answering, right = answers(self.language, batch.tokens, batch.labels, heard.flatten(0, 1))
        return answering, hearing, right
