"""ingle: the local-first, peer-to-peer AI stack.

::

    import ingle

    with ingle.open() as home:
        print(home.chat("ember").send("What does grep -i do?").text)

`open` and `open_async` reach the node that runs on this machine, or host one in
this process. Every error is an `IngleError`; see `ingle.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingle import errors
from ingle.errors import IngleError

if TYPE_CHECKING:
    from ingle.capabilities.chat.conversation import Answer, AsyncChat
    from ingle.client.home import AsyncHome, open_async
    from ingle.client.sync import Conversation, Home
    from ingle.client.sync import open_home as open  # noqa: A004
    from ingle.config import Settings
    from ingle.operations import AudioPart, ImagePart, Message, Sampling, TextPart, Tool, ToolCall

_HOMES = {
    "Answer": ("ingle.capabilities.chat.conversation", "Answer"),
    "AsyncChat": ("ingle.capabilities.chat.conversation", "AsyncChat"),
    "AsyncHome": ("ingle.client.home", "AsyncHome"),
    "AudioPart": ("ingle.operations", "AudioPart"),
    "Conversation": ("ingle.client.sync", "Conversation"),
    "Home": ("ingle.client.sync", "Home"),
    "ImagePart": ("ingle.operations", "ImagePart"),
    "Message": ("ingle.operations", "Message"),
    "Sampling": ("ingle.operations", "Sampling"),
    "Settings": ("ingle.config", "Settings"),
    "TextPart": ("ingle.operations", "TextPart"),
    "Tool": ("ingle.operations", "Tool"),
    "ToolCall": ("ingle.operations", "ToolCall"),
    "open": ("ingle.client.sync", "open_home"),
    "open_async": ("ingle.client.home", "open_async"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import ingle`` stays cheap (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ingle' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    value = globals()[name] = getattr(import_module(module), attribute)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "Answer",
    "AsyncChat",
    "AsyncHome",
    "AudioPart",
    "Conversation",
    "Home",
    "ImagePart",
    "IngleError",
    "Message",
    "Sampling",
    "Settings",
    "TextPart",
    "Tool",
    "ToolCall",
    "errors",
    "open",
    "open_async",
]
