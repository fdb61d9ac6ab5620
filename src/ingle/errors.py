"""Every error that ingle raises on purpose, in one tree.

::

    IngleError                        exit  http  what it means
    ├── InvalidRequest                2  400  a field of a request is wrong; names the field
    │   ├── ContextLengthExceeded     2  400  prompt (plus room asked for) longer than the context
    │   ├── CapabilityMissing         2  400  this model cannot do what was asked
    │   ├── BodyTooLarge              2  413  an HTTP body over the limit
    │   ├── BodyTimeout               2  408  an HTTP client stopped in the middle of its body
    │   ├── MethodNotAllowed          2  405  the HTTP path exists, but not for this method
    │   └── ConfigError               2  400  a setting is unknown or has a bad value
    ├── NotFound                      3  404
    │   ├── ModelNotFound             3  404  not in the store; names the nearest
    │   ├── AdapterNotFound           3  404  no such LoRA adapter in the store
    │   ├── PeerNotFound              3  404  no paired device of that name
    │   ├── ResponseNotFound          3  404  no such stored answer of the responses route
    │   └── RunNotFound               3  404  no such pull or other long job
    ├── DoesNotFit                    4  507  needs more memory than the devices have
    ├── NetworkError                  5  502  a source or server is not reachable, or failed
    │   ├── IntegrityError            5  502  bytes arrived, but their hash or length is wrong
    │   ├── UpstreamError             5  502  an OpenAI-compatible upstream answered with an error
    │   ├── PeerUnreachable           5  503  a paired device is not reachable; says what was tried
    │   ├── PeerLost                  5  502  a paired device disappeared before its answer ended
    │   └── NodeUnreachable           5  503  no node answers at this state directory
    ├── Refused                       6  403  a rule of the owner forbids it
    │   ├── Unauthorized              6  401  token missing or wrong
    │   ├── EgressRefused             6  403  it would leave this device without permission
    │   ├── UnsafeURL                 6  400  an URL that must not be fetched (file, private)
    │   ├── PairingRefused            6  403  invite used, expired or wrong; codes differ
    │   ├── NotPaired                 6  403  the other device does not know this one (any more)
    │   ├── IdentityInUse             6  409  two live nodes show one key: a copied state
    │   ├── QuotaFull                 6  413  a guest has as many bytes here as it may
    │   └── GrantRefused              6  403  no grant allows it; says what would
    │       └── GrantExhausted        6  429  the grant is used up; says when it renews
    ├── Busy                          1  503  the queue is full; says how long it is
    ├── BadModelFile                  1  422  the file is damaged, hostile or not a model
    ├── BadPlugIn                     1  501  it cannot be imported, or two have one name
    ├── EngineError                   1  500
    │   ├── EngineMissing             1  501  not installed; names the command
    │   ├── EngineRefused             1  500  it failed its self-test; it is not installed
    │   ├── ModelLoadFailed           1  500  the engine refused it; with its reason
    │   ├── WorkerDied                1  500  the process that ran it died
    │   │   └── MemoryExceeded        1  507  it was ended since it used too much memory
    │   ├── DeviceLost                1  500  the graphics device stopped answering
    │   └── EngineFault               1  500  the engine answered with an error
    ├── StorageError                  1  500  reading or writing the state directory failed
    │   ├── DiskFull                  1  507  no room left; partial work is kept
    │   └── NodeAlreadyRunning        1  409  another node owns this state directory
    ├── MicrophoneUnavailable         1  500  there is none, or another program has it
    ├── LoudspeakerUnavailable        1  500  there is none, or it cannot play this
    ├── TrainingFailed                1  500  the loss is not a number; the last good state is saved
    ├── ProtocolError                 1  400  the other end broke the framed protocol
    └── Cancelled                   130  499  the caller (or SIGINT) stopped it
        └── ClientGone              130  499  the HTTP client closed the connection

An error has a stable ``code`` for programs, a ``message`` that says what and
why, and a ``hint``: one command or action that fixes it. It crosses process and
network borders as plain data (`to_data`, `from_data`) and keeps its class.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar


class IngleError(Exception):
    """Base of everything ingle raises on purpose.

    Args:
        message: What happened and why, in one or two sentences.
        hint: One command or action that fixes it; empty where there is none.
        details: Facts for programs (counts, names). Plain JSON data, no secrets.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def to_data(self) -> dict[str, Any]:
        """The error as plain data; `from_data` gives the same class back."""
        data: dict[str, Any] = {"code": self.code, "message": self.message, "hint": self.hint}
        if self.details:
            data["details"] = self.details
        return data


def from_data(data: dict[str, Any]) -> IngleError:
    """Rebuild an error that came over a wire; an unknown code becomes `IngleError`."""
    cls = by_code().get(str(data.get("code")), IngleError)
    error = cls(str(data.get("message", "unknown error")), hint=str(data.get("hint", "")))
    details = data.get("details")
    if isinstance(details, dict):  # not as keywords: a stranger chooses their names
        error.details = {name: value for name, value in details.items() if isinstance(name, str)}
    return error


class InvalidRequest(IngleError):
    """A field is missing, of the wrong type, or out of bounds. ``details['field']`` names it."""

    code = "invalid_request"
    exit_code = 2
    http_status = 400


class ContextLengthExceeded(InvalidRequest):
    """The prompt does not fit. ``details``: ``prompt_tokens``, ``context``. Never cut silently."""

    code = "context_length_exceeded"


class CapabilityMissing(InvalidRequest):
    """The model exists but cannot do this. ``details``: ``model``, ``capability``."""

    code = "capability_missing"


class BodyTooLarge(InvalidRequest):
    """The HTTP body is longer than the limit. ``details``: ``limit``."""

    code = "body_too_large"
    http_status = 413


class BodyTimeout(InvalidRequest):
    """The HTTP client stopped sending in the middle of its body."""

    code = "body_timeout"
    http_status = 408


class MethodNotAllowed(InvalidRequest):
    """The HTTP path exists, but not for this method. ``details``: ``allowed``."""

    code = "method_not_allowed"
    http_status = 405


class ConfigError(InvalidRequest):
    """A setting is unknown or has a bad value. ``details``: ``key``, ``origin``."""

    code = "config_error"


class NotFound(IngleError):
    """A thing was named that is not there."""

    code = "not_found"
    exit_code = 3
    http_status = 404


class ModelNotFound(NotFound):
    """No such model in the store. ``details``: ``model``, ``nearest``."""

    code = "model_not_found"


class AdapterNotFound(NotFound):
    """No such adapter. ``details``: ``adapter``."""

    code = "adapter_not_found"


class PeerNotFound(NotFound):
    """No paired device has this name, fingerprint or key. ``details``: ``peer``, ``known``."""

    code = "peer_not_found"


class ResponseNotFound(NotFound):
    """No such stored answer: never stored, deleted, or gone with age."""

    code = "response_not_found"


class RunNotFound(NotFound):
    """No such run."""

    code = "run_not_found"


class DoesNotFit(IngleError):
    """Not enough memory. ``details``: ``needed_bytes``, ``available_bytes``, ``device``."""

    code = "does_not_fit"
    exit_code = 4
    http_status = 507


class NetworkError(IngleError):
    """A source or server is not reachable, or failed."""

    code = "network_error"
    exit_code = 5
    http_status = 502


class IntegrityError(NetworkError):
    """The bytes that arrived are not the bytes that were promised."""

    code = "integrity_error"


class UpstreamError(NetworkError):
    """An upstream server answered with an error. ``details``: ``status``, ``upstream``."""

    code = "upstream_error"


class PeerUnreachable(NetworkError):
    """A paired device could not be reached. ``details``: ``peer``, ``stages`` (way to why not)."""

    code = "peer_unreachable"
    http_status = 503


class PeerLost(NetworkError):
    """A paired device disappeared in the middle of its answer. ``details``: ``peer``."""

    code = "peer_lost"


class NodeUnreachable(NetworkError):
    """No node answers where one was expected."""

    code = "node_unreachable"
    http_status = 503


class Refused(IngleError):
    """A rule of the owner forbids it."""

    code = "refused"
    exit_code = 6
    http_status = 403


class Unauthorized(Refused):
    """The token is missing or wrong."""

    code = "unauthorized"
    http_status = 401


class EgressRefused(Refused):
    """It would leave this device, and that is not allowed."""

    code = "egress_refused"


class UnsafeURL(Refused):
    """An URL that ingle must not fetch (file, loopback, link-local or private address)."""

    code = "unsafe_url"
    http_status = 400


class PairingRefused(Refused):
    """The invite is used, expired or unknown, or someone said that the codes differ."""

    code = "pairing_refused"


class NotPaired(Refused):
    """The other device does not know this one: never paired, or it has forgotten us."""

    code = "not_paired"


class IdentityInUse(Refused):
    """Another live node shows the same key: its state directory was copied."""

    code = "identity_in_use"
    http_status = 409


class QuotaFull(Refused):
    """As many bytes are here of a guest, or of clients' files, as may be. ``details``: ``used``,
    ``quota``."""

    code = "quota_full"
    http_status = 413


class GrantRefused(Refused):
    """No grant of the provider allows this. ``details``: ``peer``, ``wanted``."""

    code = "grant_refused"


class GrantExhausted(GrantRefused):
    """The grant is used up for now. ``details``: ``left``, ``renews`` (Unix time), ``grant``."""

    code = "grant_exhausted"
    http_status = 429


class Busy(IngleError):
    """Too much is waiting already. ``details``: ``queued``, ``limit``."""

    code = "busy"
    http_status = 503


class BadModelFile(IngleError):
    """Damaged, hostile, or not a model. ``details``: ``path``."""

    code = "bad_model_file"
    http_status = 422


class BadPlugIn(IngleError):
    """A plug-in cannot be used, or two have one name. ``details``: ``name``, ``packages``."""

    code = "bad_plug_in"
    http_status = 501


class EngineError(IngleError):
    """Something went wrong in or around an engine."""

    code = "engine_error"


class EngineMissing(EngineError):
    """The engine (or an extra) is not installed; the hint is the install command."""

    code = "engine_missing"
    http_status = 501


class EngineRefused(EngineError):
    """An engine failed its self-test on this machine, so it is not used. What was there stays."""

    code = "engine_refused"


class ModelLoadFailed(EngineError):
    """The engine refused the model; the message carries the engine's own reason."""

    code = "model_load_failed"


class WorkerDied(EngineError):
    """The worker process died. Other requests continue; the model is loaded again on demand."""

    code = "worker_died"


class MemoryExceeded(WorkerDied):
    """The worker process used more memory of its own than it may, and was ended.

    ``details``: ``used_bytes``, ``limit_bytes``, ``model``.
    """

    code = "memory_exceeded"
    http_status = 507


class DeviceLost(EngineError):
    """The graphics device (or its driver) stopped answering. What was on it is gone."""

    code = "device_lost"


class EngineFault(EngineError):
    """The engine answered this request with an error."""

    code = "engine_fault"


class StorageError(IngleError):
    """Reading or writing the state directory failed."""

    code = "storage_error"


class DiskFull(StorageError):
    """No room left on the disk. What was written so far is kept and resumes."""

    code = "disk_full"
    http_status = 507


class NodeAlreadyRunning(StorageError):
    """Another live node owns this state directory. ``details``: ``pid``."""

    code = "node_already_running"
    http_status = 409


class MicrophoneUnavailable(IngleError):
    """There is no microphone, or another program has it. ``details``: ``device``."""

    code = "microphone_unavailable"


class LoudspeakerUnavailable(IngleError):
    """There is no loudspeaker, or it cannot play this. ``details``: ``device``."""

    code = "loudspeaker_unavailable"


class TrainingFailed(IngleError):
    """Training cannot continue. ``details``: ``step``, the last good one, which is saved."""

    code = "training_failed"


class ProtocolError(IngleError):
    """The other end broke the framed protocol (bad frame, too large, out of order)."""

    code = "protocol_error"
    http_status = 400


class Cancelled(IngleError):
    """The caller stopped it."""

    code = "cancelled"
    exit_code = 130
    http_status = 499


class ClientGone(Cancelled):
    """The HTTP client closed the connection; there is no one left to answer."""

    code = "client_gone"


def by_code() -> dict[str, type[IngleError]]:
    """All errors of the tree, by the code that programs read."""
    found: dict[str, type[IngleError]] = {}
    todo: list[type[IngleError]] = [IngleError]
    while todo:
        cls = todo.pop()
        found[cls.code] = cls
        todo.extend(cls.__subclasses__())
    return found


_NAMED = {
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false",
    "bytes": "bytes", "array": "a list", "object": "an object", "null": "null",
}  # fmt: skip
_COUNTED = {"str": "characters", "bytes": "bytes", "array": "items", "object": "entries"}
_EXPECTED = re.compile(r"Expected `([a-z |]+)`(?:, got `([a-z]+)`)?$")
_LENGTH = re.compile(r"Expected `([a-z]+)` of length (>=|<=) (\d+)$")
_BOUND = re.compile(r"Expected `[a-z]+` (>=|<=|>|<) (\S+)$")
_BOUNDS = {">=": "at least", "<=": "at most", ">": "greater than", "<": "less than"}


def plain(reason: str) -> str:
    """What msgspec says of a value, as a person would: "must be a whole number, not text"."""
    if found := _LENGTH.match(reason):
        kind, bound, count = found.groups()
        return f"must have {_BOUNDS[bound]} {count} {_COUNTED.get(kind, 'items')}"
    if found := _BOUND.match(reason):
        return f"must be {_BOUNDS[found[1]]} {found[2]}"
    if found := _EXPECTED.match(reason):
        wanted = " or ".join(_NAMED.get(kind, kind) for kind in found[1].split(" | "))
        return f"must be {wanted}" + (f", not {_NAMED.get(found[2], found[2])}" if found[2] else "")
    return f"{reason[:1].lower()}{reason[1:]}"
