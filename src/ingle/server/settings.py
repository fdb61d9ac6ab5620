"""What the owner may set about the HTTP server. Every limit is explicit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

DEFAULT_PORT = 11411
LOOPBACK = "127.0.0.1"
MIB = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class RequestLimits:
    """Bounds on what one request may cost before it reaches the node."""

    body_bytes: int = 32 * MIB
    json_depth: int = 128
    body_idle_s: float = 30.0
    """A client that sends nothing for so long in the middle of a body is refused."""
    stalled_s: float = 60.0
    """A client that reads nothing for so long in the middle of an answer is given up."""
    pending_bytes: int = 64 * 1024
    """Formatted but unsent bytes of one answer before the engine is made to wait."""
    prompts: int = 128
    """Prompts in one completions request."""
    prompts_at_once: int = 8
    """How many of them are asked of the node at the same time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """How the application treats its clients."""

    token: str = dataclasses.field(default="", repr=False)
    """Bearer token; empty: none is asked for (only sensible on loopback)."""
    hosts: tuple[str, ...] = ()
    """Names, beside the loopback ones, that a ``Host`` header may carry."""
    origins: tuple[str, ...] = ()
    """Web origins (``https://app.example``) whose pages may call; loopback pages always may."""
    clients: tuple[str, ...] = ()
    """Programs that may call: a scheme (``vscode-webview://``) for every origin that has it, one
    origin (``app://obsidian.md``), or a name that a ``Host`` header may carry
    (``host.docker.internal``)."""
    any_address: bool = False
    """Accept any IP literal as ``Host``: set where the server listens beyond loopback."""
    default_model: str = "ember"
    """Answers ``/v1/responses`` when the client names no model, as OpenAI's own tests do."""
    state_dir: Path | None = None
    """Where stored responses live; None keeps them in memory only."""
    limits: RequestLimits = RequestLimits()
