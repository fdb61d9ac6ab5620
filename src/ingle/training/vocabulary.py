"""What a base says of its vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Vocabulary(NamedTuple):
    """Read from the file's header."""

    end: str
    """Text of the token that ends a turn."""
    size: int

    @classmethod
    def of(cls, path: Path) -> Vocabulary:
        """Read it. The file was checked by our own reader before."""
        import gguf

        fields = gguf.GGUFReader(path).fields

        def value(key: str) -> object:
            return fields[key].contents() if key in fields else None

        tokens = fields["tokenizer.ggml.tokens"]

        def text(key: str) -> str:
            number = value(key)
            return str(tokens.contents(number)) if isinstance(number, int) else ""

        return cls(
            end=text("tokenizer.ggml.eot_token_id") or text("tokenizer.ggml.eos_token_id"),
            size=len(tokens.data),
        )
