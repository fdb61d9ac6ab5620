"""The llama engine: GGUF models through llama.cpp."""
