"""The cross-encoder: a narrow Qwen3 whose last token says whether the passage answers the query.

Its tokens are ember-embed's, and so are their vectors to begin with: the directions in which those
differ most, as many as the model is wide.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from recipes.ember import begin, chat, model, tokenizer

WIDTH, LAYERS, HEADS, FEED_FORWARD = 96, 3, 3, 256
CONTEXT = 2048
ROPE_BASE = 100_000.0
QUERY_END, PASSAGE_END = chat.TURN_START, chat.TURN_END
TEMPLATE = f"{{query}}{QUERY_END}{{document}}{PASSAGE_END}"
"""As llama.cpp fills it in."""


class CrossEncoder(model.Qwen3):
    """Scores pairs."""

    def __init__(self, config: model.Config) -> None:
        super().__init__(config)
        self.cls = nn.ModuleDict({"output": nn.Linear(config.width, 2, bias=False)})

    def scores(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Log odds of each row. Padding is on the right, where nothing attends to it."""
        hidden = self.hidden(tokens)
        last = hidden[torch.arange(len(tokens)), lengths - 1].float()
        yes, no = self.cls["output"](last).unbind(-1)
        odds: Tensor = yes - no
        return odds


def vocabulary(file: Path) -> tuple[Tokenizer, Tensor]:
    """The tokenizer of a GGUF file that the ember recipe wrote, and its tokens' vectors."""
    reader = gguf.GGUFReader(file)
    special = len(chat.CONTROL_TOKENS) + len(chat.USER_DEFINED_TOKENS)
    tokens = begin.field(reader, "tokenizer.ggml.tokens")[:-special]
    pieces = tokenizer.of_pieces(tokens, begin.field(reader, "tokenizer.ggml.merges"))
    return pieces, begin.network_of(reader).token_embd.weight.detach()


def begun(vectors: Tensor) -> CrossEncoder:
    """A model with these tokens, narrower."""
    torch.manual_seed(0)
    config = model.Config(
        vocabulary=len(vectors), layers=LAYERS, width=WIDTH, heads=HEADS, key_value_heads=HEADS,
        head=32, feed_forward=FEED_FORWARD, context=CONTEXT, rope_base=ROPE_BASE,
    )  # fmt: skip
    network = CrossEncoder(config)
    centred = vectors - vectors.mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    narrow = centred @ directions[:WIDTH].T
    with torch.no_grad():
        network.token_embd.weight.copy_(narrow / narrow.std())
    return network
