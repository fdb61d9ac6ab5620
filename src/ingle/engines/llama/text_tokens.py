"""Which of the tokens that the engine tells make up a piece of text."""

from __future__ import annotations

import msgspec

from ingle.operations import TokenLogprob


def tokens_of(text: str, told: list[TokenLogprob]) -> list[TokenLogprob]:
    """The tokens whose bytes are the text's; joined, they are the text.

    The last token told is the last one of the text. What comes before it may be no text at all (the
    tags around reasoning, white space that the engine strips), or text whose own tokens it keeps
    for itself (halves of a character, what might have been a tag): the next token then stands for
    both, as llama.cpp does it with characters.
    """
    left = text.encode()
    found: list[TokenLogprob] = []
    for token in reversed(told):
        data = token.data or token.token.encode()
        if not left:
            break
        if not data:
            continue
        if left.endswith(data):
            found.append(token)
            left = left.removesuffix(data)
        elif data.endswith(left):
            found.append(_spelt(token, left))
            left = b""
    if left and found:
        found[-1] = _spelt(found[-1], left + (found[-1].data or found[-1].token.encode()))
    elif left and told:
        found.append(_spelt(told[-1], left))
    return found[::-1]


def _spelt(token: TokenLogprob, data: bytes) -> TokenLogprob:
    return msgspec.structs.replace(token, token=data.decode(errors="replace"), data=data)
