"""An encoder, a transducer's decoder and a CTC head with the inputs and outputs of NeMo's."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .spoken import WORDS

BLANK = len(WORDS)
MELS = 80
WIDTH, PREDICTED = 72, 40
SUBSAMPLING = 8
DURATIONS = 3
"""Of a TDT model: 0, 1 or 2 frames; this one always takes 1."""


class Encoder(nn.Module):
    """Three convolutions that halve the time, then three blocks over it."""

    def __init__(self) -> None:
        super().__init__()
        widths = (MELS, WIDTH, WIDTH)
        self.halving = nn.ModuleList(nn.Conv1d(width, WIDTH, 3, 2, 1) for width in widths)
        self.wide = nn.ModuleList(
            nn.Conv1d(WIDTH, WIDTH, 9, padding=4, groups=WIDTH) for _ in range(3)
        )
        self.mixing = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 1) for _ in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm1d(WIDTH) for _ in range(3))

    def forward(self, audio_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        found = audio_signal
        for convolution in self.halving:
            found = F.relu(convolution(found))
        for wide, mixing, norm in zip(self.wide, self.mixing, self.norms, strict=True):
            found = found + F.relu(norm(mixing(wide(found))))
        return found, torch.div(length - 1, SUBSAMPLING, rounding_mode="floor") + 1


class Decoder(nn.Module):
    """The prediction network and the joint network in one, as onnx-asr wants them."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(BLANK + 1, PREDICTED)
        self.lstm = nn.LSTM(PREDICTED, PREDICTED)
        self.encoded = nn.Linear(WIDTH, PREDICTED)
        self.out = nn.Linear(PREDICTED, BLANK + 1)

    def predict(
        self, targets: Tensor, states: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        found, states = self.lstm(self.embedding(targets).transpose(0, 1), states)
        return found.transpose(0, 1), states

    def join(self, encoded: Tensor, predicted: Tensor) -> Tensor:
        return self.out(torch.tanh(self.encoded(encoded) + predicted))

    def forward(
        self,
        encoder_outputs: Tensor,
        targets: Tensor,
        target_length: Tensor,
        input_states_1: Tensor,
        input_states_2: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        predicted, states = self.predict(targets.long(), (input_states_1, input_states_2))
        joined = self.join(encoder_outputs.transpose(1, 2)[:, :, None], predicted[:, None])
        always_one = torch.zeros_like(joined[..., :DURATIONS]) + torch.tensor([0.0, 9.0, 0.0])
        return torch.cat([joined, always_one], -1), target_length, *states


class CtcHead(nn.Module):
    """The encoder with a vote for each frame."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.out = nn.Linear(WIDTH, BLANK + 1)

    def votes(self, encoded: Tensor) -> Tensor:
        return self.out(encoded.transpose(1, 2)).log_softmax(-1)

    def forward(self, audio_signal: Tensor, length: Tensor) -> Tensor:
        votes = self.votes(self.encoder(audio_signal, length)[0])
        return votes * (length > 0)[:, None, None]  # an input that is not used is not exported


def transducer_loss(
    encoded: Tensor, lengths: Tensor, decoder: Decoder, words: Tensor, counts: Tensor
) -> Tensor:
    """Of the monotonic transducer (Tripathi et al. 2019): each frame says one token or none, which
    is what a TDT model with durations of one does.
    """
    frames, most = encoded.transpose(1, 2), words.shape[1]
    before = torch.cat([torch.full((len(words), 1), BLANK), words], 1)
    predicted, _ = decoder.predict(before)
    votes = decoder.join(frames[:, :, None], predicted[:, None]).log_softmax(-1)
    none = votes[..., BLANK]
    chosen = words[:, None, :, None].expand(-1, votes.shape[1], -1, 1)
    token = votes[:, :, :most].gather(-1, chosen)[..., 0]
    paths = torch.full((len(words), most + 1), -1e9)
    paths[:, 0] = 0
    for frame in range(votes.shape[1]):
        said = F.pad(paths[:, :-1] + token[:, frame], (1, 0), value=-1e9)
        longer = torch.logaddexp(paths + none[:, frame], said)
        paths = torch.where((frame < lengths)[:, None], longer, paths)
    return -(paths.gather(1, counts[:, None])[:, 0] / counts).mean()
