"""What a base says of its special tokens, and the template that it is trained with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ingle.models.known_templates import KNOWN, written_for


class Vocabulary(NamedTuple):
    """Read from the file's header."""

    template: str
    begin: str
    """Text of the token that begins a document; empty if the model wants none."""
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

        begins = value("tokenizer.ggml.add_bos_token")
        return cls(
            template=str(value("tokenizer.chat_template") or ""),
            begin=text("tokenizer.ggml.bos_token_id") if begins else "",
            end=text("tokenizer.ggml.eot_token_id") or text("tokenizer.ggml.eos_token_id"),
            size=len(tokens.data),
        )

    def speaking(self, path: Path, template: str) -> Vocabulary:
        """With another template: Jinja, or the name of a well-known one; empty: its own.

        Args:
            path: the base's file.

        Raises:
            CapabilityMissing: as `known_templates.written_for`.
        """
        if template in KNOWN:
            import gguf

            tokens = gguf.GGUFReader(path).fields["tokenizer.ggml.tokens"].contents()
            template = written_for(template, frozenset(tokens), self.end)
        return self._replace(template=template or self.template)
