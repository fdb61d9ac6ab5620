"""Streams of events as a node sends them, made up by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from ingle.operations import (
    Event,
    Finish,
    Reasoning,
    Started,
    Status,
    Text,
    Timing,
    ToolCallPiece,
    Usage,
)

DIGEST = "sha256:" + "ab" * 32
STARTED = Started(model="ember", digest=DIGEST, where="local")

words = st.text(max_size=8)
calls = st.lists(
    st.tuples(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.lists(st.just("1"), max_size=3)),
    max_size=2,
)


@st.composite
def answers(draw: st.DrawFn, choices: int = 1) -> list[Event]:
    """The events of one whole answer, in an order that an engine may send."""
    found: list[Event] = [Status(state="queued"), STARTED]
    for index in range(draw(st.integers(1, choices))):
        found += [Reasoning(text=t, index=index) for t in draw(st.lists(words, max_size=3))]
        found += [Text(text=t, index=index) for t in draw(st.lists(words, max_size=5))]
        for call, (name, pieces) in enumerate(draw(calls)):
            found.append(ToolCallPiece(call=call, id=f"call_{call}", name=name, index=index))
            found += [ToolCallPiece(call=call, arguments=p, index=index) for p in pieces]
        reason = draw(st.sampled_from(["stop", "length", "tool_calls"]))
        found.append(Finish(reason=reason, index=index))
    found.append(Usage(prompt_tokens=7, completion_tokens=3, cached_tokens=2))
    found.append(Timing(total_s=0.5))
    return found
