"""Stage 3, tokenizer: byte-level BPE with Qwen2's pre-tokenizer, trained on the train split.

The regular expression is the one that llama.cpp knows as `tokenizer.ggml.pre = qwen2`, so both
sides cut text alike; the evaluate stage compares them token for token on held-out text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from . import chat, corpus, tasks
from .scale import Scale

QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONVERSATIONS = 20_000  # so that JSON, dates and the words of the tasks get tokens of their own
CHARACTERS = 80_000_000
FILE = "tokenizer.json"


def training_text(scale: Scale, folder: Path) -> Iterator[str]:
    taken = 0
    for document in corpus.load(folder, "train"):
        yield document.text
        taken += len(document.text)
        if taken > CHARACTERS:
            break
    facts = tasks.load_facts(folder)
    for index in range(min(CONVERSATIONS, scale.pretrain_conversations)):
        yield "".join(chat.render(tasks.generate(facts, "train", index)))


def around(bpe: models.BPE) -> Tokenizer:
    """The tokenizer that cuts text as Qwen2's does and then by these merges."""
    tokenizer = Tokenizer(bpe)
    cut = pre_tokenizers.Split(Regex(QWEN2), "isolated")
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, as_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def with_special(tokenizer: Tokenizer) -> Tokenizer:
    """Special tokens are the last rows of the vocabulary."""
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in chat.CONTROL_TOKENS])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in chat.USER_DEFINED_TOKENS])
    return tokenizer


def of_pieces(tokens: list[str], merges: list[str]) -> Tokenizer:
    """What `pieces` took apart, as a GGUF file has it."""
    vocabulary = {token: number for number, token in enumerate(tokens)}
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    return with_special(around(models.BPE(vocabulary, pairs)))


def run(scale: Scale, folder: Path) -> None:
    """Write tokenizer.json, unless the run began with the one of a GGUF file."""
    if (folder / "begun.pt").exists():
        print("tokenizer: that of the file which the run began with")
        return
    tokenizer = around(models.BPE())
    special = chat.CONTROL_TOKENS + chat.USER_DEFINED_TOKENS
    trainer = trainers.BpeTrainer(
        vocab_size=scale.vocabulary - len(special),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_text(scale, folder), trainer)
    with_special(tokenizer).save(str(folder / FILE))
    print(f"tokenizer: {tokenizer.get_vocab_size()} tokens")


def load(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / FILE))


def pieces(folder: Path) -> tuple[list[str], list[str]]:
    """(tokens in order of id without the special ones, merges), as GGUF stores them."""
    model = json.loads((folder / FILE).read_text(encoding="utf-8"))["model"]
    merges = [" ".join(m) if isinstance(m, list) else m for m in model["merges"]]
    return [t for t, _ in sorted(model["vocab"].items(), key=lambda item: item[1])], merges
