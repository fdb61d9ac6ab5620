"""The upstream engine: an OpenAI-compatible server, such as vLLM, behind this node."""
