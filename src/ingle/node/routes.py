"""Routes: where an operation runs."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from ingle.config import Settings, Upstream
from ingle.errors import InvalidRequest, NotFound
from ingle.models.ref import DEFAULT_TAG
from ingle.operations import AdapterUse, Generation, ModelOperation

_LATEST = f":{DEFAULT_TAG}"
G = TypeVar("G", bound=Generation)


class Route(NamedTuple):
    """Here (``upstream`` is None), or at an upstream, under the name that the model has there."""

    model: str
    name: str = "local"
    upstream: Upstream | None = None


def choose(operation: ModelOperation, settings: Settings) -> Route:
    """Where an operation runs.

    The caller's word comes first (``on``, or ``MODEL@NAME``); then an upstream
    that lists the model; else this machine.

    Raises:
        NotFound: ``on`` names no upstream.
    """
    model, chosen = named_place(operation)
    if chosen == "local":
        return Route(model)
    if chosen:
        if chosen not in settings.upstreams:
            known = ", ".join(["local", *settings.upstreams])
            raise NotFound(
                f"there is no device or upstream named {chosen!r}; upstreams: {known}",
                hint="ingle peers (paired devices), or: ingle config show upstreams",
            )
        return Route(model, chosen, settings.upstreams[chosen])
    for name, upstream in settings.upstreams.items():
        for listed in (model, model.removesuffix(_LATEST)):
            if listed in upstream.models:
                return Route(listed, name, upstream)
    return Route(model)


def named_place(operation: ModelOperation) -> tuple[str, str]:
    """The model's name, and the place that the caller named; empty if none.

    Raises:
        InvalidRequest: two different places.
    """
    model, at, place = operation.model.rpartition("@")
    if not at or place.startswith("sha256:"):
        model, place = operation.model, ""
    if operation.on and place and operation.on != place:
        raise InvalidRequest(
            f"the model says it is at {place!r}, but on is {operation.on!r}", field="on"
        )
    return model, operation.on or place


def split_adapters(operation: G) -> G:
    """``MODEL+ADAPTER`` (and ``+ADAPTER=SCALE``) as a model and adapters.

    Raises:
        InvalidRequest: a scale is not a number.
    """
    model, at, place = operation.model.partition("@")
    if "+" not in model:
        return operation
    name, uses = named_adapters(model)
    return msgspec.structs.replace(
        operation, model=name + at + place, adapters=[*operation.adapters, *uses]
    )


def named_adapters(text: str) -> tuple[str, list[AdapterUse]]:
    """The model and the adapters of ``MODEL+ADAPTER`` (and ``+ADAPTER=SCALE``).

    Raises:
        InvalidRequest: a scale is not a number.
    """
    if "://" in text or text.startswith(("/", "./", "../", "~/")):
        return text, []  # an address or a path may hold a plus of its own
    name, *named = text.split("+")
    uses = []
    for part in named:
        adapter, _, scale = part.partition("=")
        try:
            uses.append(AdapterUse(name=adapter, scale=float(scale or 1.0)))
        except ValueError:
            raise InvalidRequest(f"{part!r}: {scale!r} is not a number", field="model") from None
    return name, uses


def is_loopback_url(url: str) -> bool:
    """The address is this machine, written as such: going there does not leave the device."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
