"""What a base says of its vocabulary, and well-known templates as it writes them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ingle.models.known_templates import KNOWN, written_for


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

    def template_of(self, path: Path, given: str) -> str:
        """The Jinja of a template that was given by itself or by a well-known name.

        Args:
            path: the base's file.

        Raises:
            CapabilityMissing: as `known_templates.written_for`.
        """
        if given not in KNOWN:
            return given
        import gguf

        tokens = gguf.GGUFReader(path).fields["tokenizer.ggml.tokens"].contents()
        return written_for(given, frozenset(tokens), self.end)
