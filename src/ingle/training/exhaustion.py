"""Out of memory, in whatever words an executor says it."""

from __future__ import annotations

from ingle.errors import DoesNotFit

_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "allocation failed")


def is_out_of_memory(error: BaseException) -> bool:
    """Did this step need more memory than there is?

    torch raises ``OutOfMemoryError`` for graphics memory and a bare
    ``RuntimeError`` for main memory; our own executors raise `DoesNotFit`.
    """
    if isinstance(error, (MemoryError, DoesNotFit)):
        return True
    if not isinstance(error, RuntimeError):
        return False
    text = str(error).lower()
    return type(error).__name__ == "OutOfMemoryError" or any(word in text for word in _WORDS)
