"""Complete: continue from a raw prompt, with no chat template."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from ingle.errors import InvalidRequest
from ingle.operations.generation import Generation
from ingle.operations.guest_rules import Costless, Estimated
from ingle.operations.operation import PromptText


class Complete(Generation, frozen=True, kw_only=True, tag="complete"):
    """Continue a prompt given as text or as token ids.

    ``echo`` returns the prompt before the continuation; with ``logprobs`` also
    the log-probability of each prompt token, which is how likelihoods and
    perplexity are measured. ``max_tokens=0`` is written as ``echo_only``.

    Events: as for chat, without tool calls and reasoning; with ``echo`` the
    first `Text` event holds the prompt and its logprobs.
    """

    prompt: Annotated[str | list[int], Estimated()]
    suffix: Annotated[str, Estimated()] = ""
    """Fill in the middle: what comes after the gap. The model must be trained for it."""
    echo: Annotated[bool, Estimated()] = False
    echo_only: Annotated[bool, Costless("the prompt is evaluated once, and nothing else")] = False

    def prompts(self) -> Iterable[PromptText]:
        if isinstance(self.prompt, str):
            yield PromptText("prompt", len(self.prompt.encode()) + len(self.suffix.encode()))
        else:
            yield PromptText("prompt", tokens=len(self.prompt))

    def check(self) -> None:
        super().check()
        ids = self.prompt if isinstance(self.prompt, list) else []
        if ids and not 0 <= min(ids) <= max(ids) < 2**31:
            raise InvalidRequest("prompt: token ids must be >= 0", field="prompt")
        if self.echo_only and not self.echo:
            raise InvalidRequest("echo_only needs echo", field="echo_only")
