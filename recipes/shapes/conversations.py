"""Drawings and questions as the tokens that the model is trained on: ChatML, pictures first."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

from ..ember.tokenizer import around
from .drawings import Question, drawing, questions
from .network import PATCH, TOKENS

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL_TOKENS = (END_OF_TEXT, TURN_START, TURN_END)
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ASKED = 8
"""Questions of a conversation."""
TWO_PICTURES = 0.3
"""The share of conversations about two."""
WORDS = 420


@dataclass(frozen=True)
class Conversation:
    pixels: np.ndarray
    """Pictures, channels, rows, columns."""
    centres: np.ndarray
    """Pictures, patches: which shape's middle is there."""
    tokens: list[int]
    """-1 where a patch of a picture stands."""
    labels: list[int]
    """The next token where it is of an answer; else -100."""


def vocabulary() -> Tokenizer:
    """Byte-level BPE of what is asked and answered."""
    rng = random.Random(1)
    texts = []
    for _ in range(400):
        for which in ("", "first", "second"):
            for each in questions(drawing(rng), which):
                texts += [each.text, each.answer]
    return trained_on(texts, CONTROL_TOKENS)


def trained_on(texts: list[str], control: tuple[str, ...]) -> Tokenizer:
    """Byte-level BPE of `WORDS` tokens, the last of them these."""
    tokenizer = around(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS - len(control),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["user", "assistant", "system", *texts], trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in control])
    return tokenizer


class Turns:
    """A conversation that grows: its tokens, and the label of each."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.tokens: list[int] = []
        """-1 where something perceived stands."""
        self.labels: list[int] = []
        """The next token where it is of an answer; else -100."""

    def ask(self, question: Question, perceived: tuple[str, int, str] = ("", 0, "")) -> None:
        """Add a question and its answer.

        Args:
            perceived: how many places the question's picture or sound has, and what is around it.
        """
        before, places, after = perceived
        self._add(f"{TURN_START}user\n{before}")
        self.tokens += [-1] * places
        self.labels += [-100] * places
        self._add(f"{after}{question.text}{TURN_END}\n{TURN_START}assistant\n")
        self._add(f"{question.answer}{TURN_END}", answer=True)
        self._add("\n")

    def _add(self, text: str, *, answer: bool = False) -> None:
        found = self._tokenizer.encode(text).ids
        self.tokens += found
        if answer:  # each place is labelled with what follows it
            self.labels[-1:] = [*found, -100]
        else:
            self.labels += [-100] * len(found)


def conversations(tokenizer: Tokenizer, count: int, seed: int) -> list[Conversation]:
    """So many, each about a drawing or two of its own."""
    return [_conversation(tokenizer, random.Random(seed + number)) for number in range(count)]


def _conversation(tokenizer: Tokenizer, rng: random.Random) -> Conversation:
    scenes = [drawing(rng) for _ in range(2 if rng.random() < TWO_PICTURES else 1)]
    names = ("first", "second") if len(scenes) > 1 else ("",)
    every = [
        each for scene, name in zip(scenes, names, strict=True) for each in questions(scene, name)
    ]
    turns = Turns(tokenizer)
    for number, each in enumerate(rng.sample(every, min(ASKED, len(every)))):
        turns.ask(each, ("", 0 if number else TOKENS * len(scenes), ""))
    return Conversation(
        np.stack([scene.pixels() for scene in scenes]),
        np.stack([scene.centres(PATCH) for scene in scenes]),
        turns.tokens,
        turns.labels,
    )
