"""Complete: continue from a raw prompt, with no chat template."""

from __future__ import annotations

from ingle.errors import InvalidRequest
from ingle.operations.generation import Generation


class Complete(Generation, frozen=True, kw_only=True, tag="complete"):
    """Continue a prompt given as text or as token ids.

    ``echo`` returns the prompt before the continuation; with ``logprobs`` also
    the log-probability of each prompt token, which is how likelihoods and
    perplexity are measured. ``max_tokens=0`` is written as ``echo_only``.

    Events: as for chat, without tool calls and reasoning; with ``echo`` the
    first `Text` event holds the prompt and its logprobs.
    """

    prompt: str | list[int]
    suffix: str = ""
    """Fill in the middle: what comes after the gap. The model must be trained for it."""
    echo: bool = False
    echo_only: bool = False

    def check(self) -> None:
        super().check()
        if isinstance(self.prompt, list) and not all(0 <= t < 2**31 for t in self.prompt):
            raise InvalidRequest("prompt: token ids must be >= 0", field="prompt")
        if self.echo_only and not self.echo:
            raise InvalidRequest("echo_only needs echo", field="echo_only")
