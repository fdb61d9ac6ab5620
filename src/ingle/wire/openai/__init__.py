"""The OpenAI dialect: chat, completions, responses, embeddings, models."""
