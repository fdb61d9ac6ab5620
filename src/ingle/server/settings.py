"""What the owner may set about the HTTP server. Every limit is explicit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ingle.config.settings import Settings, parse_size

DEFAULT_PORT = 11411
LOOPBACK = "127.0.0.1"
MIB = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class RequestLimits:
    """Bounds on what one request may cost before it reaches the node."""

    body_bytes: int = 32 * MIB
    bodies_bytes: int = 64 * MIB
    """All bodies together, each from its first byte until its request is answered."""
    json_depth: int = 128
    json_values: int = 500_000
    """Of one body: token ids, mostly."""
    json_containers: int = 50_000
    """Objects and lists of one body: they take fifty times their length once they are read."""
    wide_bytes: int = 8 * MIB
    """Texts of one body with characters beyond ASCII, which take up to four times their length."""
    body_idle_s: float = 30.0
    """A client that sends less than `body_rate` for so long in the middle of a body is refused."""
    body_rate: int = 1024
    """Bytes per second that a body must arrive with."""
    body_s: float = 300.0
    """A body that is kept in memory must be whole after so long."""
    stalled_s: float = 60.0
    """A client that reads nothing for so long in the middle of an answer is given up."""
    pending_bytes: int = 64 * 1024
    """Formatted but unsent bytes of one answer before the engine is made to wait."""
    prompts: int = 128
    """Prompts in one completions request."""
    prompts_at_once: int = 8
    """How many of them are asked of the node at the same time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """Bounds on what a connection may cost before anything is known of who is calling."""

    connections: int = 2048
    per_address: int = 1024
    """From one address; all programs of this machine, and all behind one proxy, share one."""
    header_bytes: int = 64 * 1024
    """Request line, headers and trailers of one request."""
    header_count: int = 100
    header_s: float = 20.0
    """How long the head of a request may take, from the connection's or its own first byte."""
    keep_alive_s: float = 75.0
    """Longer than clients keep idle connections, so that none is closed under a request."""
    pipelined: int = 16
    """Requests of one connection that may wait for the answer to an earlier one."""
    unread_s: float = 60.0
    """A client that takes none of its answer for so long is given up."""
    message_bytes: int = 16 * MIB
    """Of one message on a web socket."""


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
    transcribe_model: str = "whisper:base"
    """Hears in realtime sessions that name no other."""
    speech_model: str = "espeak"
    translate_model: str = "auto"
    detect_model: str = "langid"
    """Speaks in them."""
    image_model: str = "stable-diffusion:1.5"
    """Draws where the client names no model."""
    ocr_model: str = "rapidocr"
    """Reads documents whose client names no other."""
    state_dir: Path | None = None
    """Where stored responses live; None keeps them in memory only."""
    limits: RequestLimits = RequestLimits()
    connections: ConnectionLimits = ConnectionLimits()

    @classmethod
    def of(cls, settings: Settings) -> ServerSettings:
        """What the user's settings say about the server.

        Raises:
            ConfigError: one of them means nothing.
        """
        body_bytes = parse_size(settings.http_body_bytes, "http_body_bytes")
        return cls(
            token=settings.token,
            hosts=tuple(settings.hosts),
            origins=tuple(settings.origins),
            clients=tuple(settings.clients),
            default_model=settings.model,
            transcribe_model=settings.transcribe_model,
            speech_model=settings.speech_model,
            image_model=settings.image_model,
            ocr_model=settings.ocr_model,
            translate_model=settings.translate_model,
            detect_model=settings.detect_model,
            state_dir=settings.state_path,
            limits=RequestLimits(body_bytes=body_bytes, bodies_bytes=2 * body_bytes),
            connections=ConnectionLimits(
                connections=settings.http_connections,
                per_address=settings.http_connections_per_address,
                header_bytes=parse_size(settings.http_header_bytes, "http_header_bytes"),
                header_count=settings.http_header_count,
                header_s=settings.http_header_timeout_s,
                keep_alive_s=settings.http_keep_alive_s,
            ),
        )
