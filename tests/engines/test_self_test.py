"""What an engine is asked when it is tested."""

from __future__ import annotations

import pytest

from ingle.engines.llama.declaration import LLAMA
from ingle.engines.self_test import MEASURED, PROMPTS, _complete, _events, _started
from ingle.operations import Text, Timing, Usage

pytestmark = pytest.mark.anyio


async def test_the_measured_answer_is_text_and_not_guessed() -> None:
    """Guesses would be a part of the speed, and some engines fail at bytes that are no text."""
    worker = await _started(LLAMA, "generate", [], 2)
    try:
        times, most = MEASURED[-1]
        events = await _events(worker, _complete("\n".join(PROMPTS * times), max_tokens=most))
    finally:
        await worker.stop()
    text = "".join(event.text for event in events if isinstance(event, Text))
    assert text.isascii(), text
    (timing,) = [event for event in events if isinstance(event, Timing)]
    (usage,) = [event for event in events if isinstance(event, Usage)]
    assert (timing.speculation, timing.drafted) == ("", 0)
    assert (usage.completion_tokens, usage.prompt_tokens >= 500) == (most, True)
