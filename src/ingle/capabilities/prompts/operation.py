"""What a node asks its workers about prompts that they have read."""

from __future__ import annotations

from ingle.operations.operation import Count, Event, Operation


class KeepPrompt(Operation, frozen=True, kw_only=True, tag="keep_prompt"):
    """What the model has read of a prompt of the owner's, as its engine writes it.

    `PromptBytes` events, in order; none where no idle slot holds that prompt any more.
    """

    tokens: Count
    """Of the prompt, by which its slot is known again."""


class PromptBytes(Event, frozen=True, kw_only=True, tag="prompt_bytes"):
    """The next bytes of what a model has read."""

    data: bytes


class RestorePrompt(Operation, frozen=True, kw_only=True, tag="restore_prompt"):
    """Put what was kept into an idle slot, from which the owner's next prompt continues.

    The bytes are sent as pieces, whole and verified by the node. One `PromptRestored`.
    """


class PromptRestored(Event, frozen=True, kw_only=True, tag="prompt_restored"):
    """It is in a slot."""

    tokens: int
    """0: all slots are in use, or guests have used them, and nothing was done."""
