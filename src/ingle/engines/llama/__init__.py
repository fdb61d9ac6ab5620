"""The llama engine: GGUF models through llama.cpp."""

from ingle.engines.llama.engine import LlamaEngine

__all__ = ["LlamaEngine"]
