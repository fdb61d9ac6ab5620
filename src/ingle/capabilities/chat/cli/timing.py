"""One line on where the time of an answer went."""

from __future__ import annotations

from ingle.operations import ChatResult, Timing


def limit_of(result: ChatResult, answer: str, context: str) -> str:
    """Which of two limits ended an answer for its length."""
    return context if any(note.field == "context" for note in result.notes) else answer


def describe(prompt_tokens: int, cached: int, timing: Timing) -> str:
    """One line on where the time went."""
    return (
        f"{prompt_tokens} prompt tokens ({cached} cached) at {timing.prompt_rate:.0f}/s, "
        f"answer at {timing.decode_rate:.0f} tokens/s, first after "
        f"{timing.first_token_s * 1000:.0f} ms, loading {timing.load_s:.1f} s, "
        f"all {timing.total_s:.2f} s" + _guesses(timing)
    )


def _guesses(timing: Timing) -> str:
    if not timing.speculation:
        return ""
    if not timing.drafted:
        return f"; speculation {timing.speculation}, nothing drafted"
    share = timing.accepted / timing.drafted
    return (
        f"; speculation {timing.speculation}, {timing.accepted} of {timing.drafted} "
        f"drafted tokens accepted ({share:.0%})"
    )
