"""The Ollama dialect: chat, generate, embed, and the affairs of the store."""
