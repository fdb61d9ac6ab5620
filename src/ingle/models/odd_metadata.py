"""What is odd about a GGUF file that loads all the same, in words for its owner.

Files in the wild lack entries that later programs write, or have some that do not fit together. The
engine makes something of them; what that is, and what it costs, is said when the model is pulled
and shown. What would end the engine's process is refused instead (`fatal_metadata`).
"""

from __future__ import annotations

from collections.abc import Mapping

from ingle.models.gguf import Value

_TURN_ENDS = (
    "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|endoftext|>", "<|return|>",
    "<turn|>", "<|end_of_text|>", "<|eom_id|>", "</s>", "eos_token",
)  # fmt: skip
"""What ends a turn in the templates that people use, and the name of what the vocabulary has."""


def notes_of(metadata: Mapping[str, Value], tokens: int) -> list[str]:
    """Sentences, each about one oddity of a model that generates text.

    Args:
        metadata: the header's entries.
        tokens: entries of the vocabulary.
    """
    found = []
    if metadata.get("tokenizer.ggml.model") == "gpt2" and not metadata.get("tokenizer.ggml.pre"):
        found.append(
            "The file does not say how texts are cut before they become tokens "
            "(tokenizer.ggml.pre). The engine takes the usual rules; answers may be poorer than "
            "with a newer conversion of the model."
        )
    for name in ("bos", "eos"):
        number = metadata.get(f"tokenizer.ggml.{name}_token_id")
        if isinstance(number, int) and tokens and number >= tokens:
            found.append(
                f"The file's {name} token is {number}, but it has only {tokens} tokens. "
                "The engine leaves it out."
            )
    if _ends_nowhere(metadata):
        found.append(
            "Neither the file's chat template nor its vocabulary says what ends an answer, so "
            "answers may run to their limit. Set a stop sequence, or take another conversion."
        )
    return found


def _ends_nowhere(metadata: Mapping[str, Value]) -> bool:
    template = metadata.get("tokenizer.chat_template")
    if not isinstance(template, str) or not template:
        return False
    told = isinstance(metadata.get("tokenizer.ggml.eos_token_id"), int)
    return not told and not any(end in template for end in _TURN_ENDS)
