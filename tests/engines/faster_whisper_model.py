"""A Whisper of CTranslate2 that is quick, small and hears nothing: its weights are random."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from ingle.models.whisper_languages import ENGLISH_VOCABULARY, LANGUAGES
from tests.models.whisper_files import LAYERS, write_folder

END = 50_256
"""Of the English models, the first special token."""
TIMES = 1_501


def random_folder(folder: Path) -> Path:
    """Write it: of English alone, with the tokens of Whisper where Whisper has them."""
    write_folder(folder, vocabulary=ENGLISH_VOCABULARY, contexts=(1500, 448))
    words = _tokenizer()
    words.save(str(folder / "tokenizer.json"))
    by_number = sorted(words.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocabulary.json").write_text(json.dumps([token for token, _ in by_number]))
    heads = [[layer, 0] for layer in range(LAYERS)]
    config = {"alignment_heads": heads, "suppress_ids": [], "suppress_ids_begin": [220, END]}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _tokenizer() -> Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    vocabulary |= {f"Ġw{number}": number for number in range(len(letters), END)}
    found = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    tasks = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
    names = ("endoftext", "startoftranscript", *LANGUAGES[:99], *tasks)
    found.add_special_tokens([f"<|{name}|>" for name in names])
    found.add_tokens([AddedToken(f"<|{number / 50:.2f}|>") for number in range(TIMES)])
    assert found.get_vocab_size() == ENGLISH_VOCABULARY
    return found
