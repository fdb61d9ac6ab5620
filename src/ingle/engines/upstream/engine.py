"""The upstream engine's entry."""

from __future__ import annotations

from importlib.metadata import version
from typing import ClassVar

from ingle.engines.engine import LoadSpec, Session
from ingle.errors import ConfigError
from ingle.operations import DeviceInfo


class UpstreamEngine:
    """See `ingle.engines.engine.Engine`.

    Its workers are the only ones with a network. They get no file, and only the
    one key that their upstream wants.
    """

    name: ClassVar[str] = "upstream"

    def version(self) -> str:
        return version("httpx")

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> Session:
        from ingle.engines.upstream.session import UpstreamSession

        base_url = str(spec.options.get("base_url", ""))
        if not base_url.startswith(("http://", "https://")):
            raise ConfigError(
                f"{spec.model}: base_url {base_url!r} is not an http or https URL", key="upstreams"
            )
        return UpstreamSession(spec, base_url, str(spec.options.get("api_key", "")))
