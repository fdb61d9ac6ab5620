"""Clips and questions about them as the tokens that the model is trained on."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from ..digits.spoken import WORDS, Clip, clips
from ..shapes.conversations import CONTROL_TOKENS, Turns, trained_on
from ..shapes.drawings import NUMBERS, Question
from .network import TOKENS
from .spectrum import CHUNK, log_mel

AUDIO_START, AUDIO_END = "<|audio_start|>", "<|audio_end|>"
"""What llama.cpp puts around what this encoder heard."""
MOST_WORDS = 3


@dataclass(frozen=True)
class Conversation:
    spectra: npt.NDArray[np.float32]
    words: list[int]
    tokens: list[int]
    labels: list[int]

    @property
    def seconds(self) -> int:
        return self.spectra.shape[1] // CHUNK


def vocabulary() -> Tokenizer:
    """Byte-level BPE of what is asked and answered."""
    some = [Clip(np.zeros(0, np.float32), [word] * count) for word in range(len(WORDS))
            for count in range(1, MOST_WORDS + 1)]  # fmt: skip
    texts = [text for clip in some for each in questions(clip) for text in (each.text, each.answer)]
    return trained_on(texts * 10, (*CONTROL_TOKENS, AUDIO_START, AUDIO_END))


def questions(clip: Clip) -> list[Question]:
    """All that can be asked about a clip."""
    said = [WORDS[word] for word in clip.words]
    return [
        Question("What is said?", " ".join(said)),
        Question("How many words are said?", NUMBERS[len(said)]),
        Question("Which word is the first?", said[0]),
        Question("Which word is the last?", said[-1]),
    ]


def conversations(tokenizer: Tokenizer, count: int, seed: int) -> list[Conversation]:
    """So many, each about a clip of its own."""
    rng = random.Random(seed)
    return [_conversation(tokenizer, clip, rng) for clip in clips(count, seed, MOST_WORDS)]


def _conversation(tokenizer: Tokenizer, clip: Clip, rng: random.Random) -> Conversation:
    spectra = log_mel(clip.samples)
    places = spectra.shape[1] // CHUNK * TOKENS
    turns = Turns(tokenizer)
    asked = questions(clip)
    rng.shuffle(asked)
    for number, each in enumerate(asked):
        turns.ask(each, ("", 0, "") if number else (AUDIO_START, places, AUDIO_END))
    return Conversation(spectra, clip.words, turns.tokens, turns.labels)
