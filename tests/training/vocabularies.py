"""Vocabularies of the kinds that tokenisers differ by, for small bases (`models.write_base`)."""

from __future__ import annotations

from typing import NamedTuple

import gguf

BEGIN, END, OPEN, CLOSE = "<s>", "</s>", "<|im_start|>", "<|im_end|>"
SPECIAL = [BEGIN, END, OPEN, CLOSE]
_LETTERS = [chr(code) for code in range(33, 127)]
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6


class SmallVocabulary(NamedTuple):
    """Letters and bytes, and four special tokens.

    Args:
        kind: ``spm`` as Llama 2 has it, or ``bpe`` as Llama 3.
        add_bos: the file's key; None: it has none.
        end: the token that ends a turn; empty: it names none.
        begin: the file names the token that begins a document.
        add_eos: the tokeniser ends each text.
    """

    kind: str = "bpe"
    template: str = ""
    add_bos: bool | None = None
    end: str = END
    begin: bool = True
    add_eos: bool = False

    def write(self, writer: gguf.GGUFWriter, size: int) -> None:
        """Write it, filled up to a size."""
        tokens, types = _spm() if self.kind == "spm" else _bpe()
        fill = size - len(tokens)
        tokens += [f"<t{number}>" for number in range(fill)]
        types += [_NORMAL] * fill
        writer.add_tokenizer_model("llama" if self.kind == "spm" else "gpt2")
        writer.add_token_list(tokens)
        writer.add_token_types(types)
        if self.kind == "spm":
            writer.add_token_scores([-float(number) for number in range(size)])
        else:
            writer.add_tokenizer_pre("llama-bpe")
            writer.add_token_merges(["a b"])
        if self.begin:
            writer.add_bos_token_id(tokens.index(BEGIN))
        if self.end:
            writer.add_eos_token_id(tokens.index(self.end))
        if self.add_bos is not None:
            writer.add_add_bos_token(self.add_bos)
        if self.add_eos:
            writer.add_add_eos_token(True)
        if self.template:
            writer.add_chat_template(self.template)


def _spm() -> tuple[list[str], list[int]]:
    tokens = ["<unk>", BEGIN, END, *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *_LETTERS]
    types = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256, *[_NORMAL] * (1 + len(_LETTERS))]
    return [*tokens, OPEN, CLOSE], [*types, _CONTROL, _CONTROL]


def _bpe() -> tuple[list[str], list[int]]:
    """Bytes, written as GPT-2 writes them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = [chr(byte) for byte in plain] + [chr(256 + at) for at in range(len(others))]
    return [*letters, *SPECIAL], [*[_NORMAL] * 256, *[_CONTROL] * 4]
