"""A completion's answer, and what is asked of the node that finishes it."""

from __future__ import annotations

import msgspec

from ingle.capabilities.complete.operation import Complete
from ingle.operations.resumable_answer import GeneratedAnswer


class CompleteAnswer(GeneratedAnswer[Complete]):
    """What was received is added to the prompt."""

    def resumed(self, text: str, reasoning: str, left: int | None) -> Complete | None:
        prompt = self.operation.prompt
        if not isinstance(prompt, str):
            return None
        return msgspec.structs.replace(
            self.operation, prompt=prompt + text, max_tokens=left, echo=False
        )
