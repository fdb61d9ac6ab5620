"""What a llama-server says in the place of a chunk."""

from __future__ import annotations

import pytest

from ingle.engines.llama import chunks
from ingle.errors import EngineFault


def test_an_answer_that_is_no_text_names_what_to_do() -> None:
    """Older servers fail at the end of such an answer, with words about a format."""
    body = (
        b'{"error":{"code":500,"type":"server_error","message":"The model produced output that '
        b'does not match the expected Content-only format"}}'
    )
    with pytest.raises(EngineFault, match="not UTF-8") as caught:
        list(chunks.ChunkEvents().events(chunks.decode(body)))
    assert "newer llama.cpp" in caught.value.hint
