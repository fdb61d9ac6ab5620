"""What a run has changed: the loss of answers before and after it."""

from __future__ import annotations

import msgspec


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Mean losses in nats, of the base and of what the run made of it."""

    before: float
    after: float
    held_out: bool
    """Of answers that were not trained on; else of some that were."""

    def sentence(self) -> str:
        """For people: how it changed, and what to do if it did not fall."""
        what = "held-out answers" if self.held_out else "answers it was trained on"
        change = f"loss of the {what}: {self.before:.4f} before, {self.after:.4f} after"
        if self.after < self.before:
            return change
        more = "more or other examples" if self.held_out else "more steps (--max-steps)"
        return f"{change}. It did not fall: this adapter is no better than its base. Try {more}"
