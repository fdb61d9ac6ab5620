"""Text that cannot fit is refused by its bytes, before a model is loaded or an engine sees it."""

from __future__ import annotations

from ingle.errors import ContextLengthExceeded
from ingle.operations import ModelOperation

LONGEST_TOKEN = 256
"""Bytes. The longest of common vocabularies are runs of 128 blanks; a text of more than this for
each token of the context has more tokens than that, whatever it says."""


def check_prompts(operation: ModelOperation, context: int) -> None:
    """Raises ContextLengthExceeded: a text is too long for a context of so many tokens.

    Args:
        context: 0 for an engine that does not count tokens.
    """
    if not context:
        return
    for text in operation.prompts():
        if text.tokens > context:
            raise ContextLengthExceeded(
                f"{text.field} has {text.tokens} tokens, but the context holds {context}",
                hint="shorten it, or raise the context",
                prompt_tokens=text.tokens,
                context=context,
                field=text.field,
            )
        if text.size > context * LONGEST_TOKEN:
            raise ContextLengthExceeded(
                f"{text.field} has {text.size} bytes of text, which is more than the context of "
                f"{context} tokens can hold",
                hint="shorten it, or raise the context",
                prompt_tokens=-(-text.size // LONGEST_TOKEN),
                context=context,
                field=text.field,
            )
