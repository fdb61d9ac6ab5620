"""The upstream engine: an OpenAI-compatible server, such as vLLM, behind this node."""

from ingle.engines.upstream.engine import UpstreamEngine

__all__ = ["UpstreamEngine"]
