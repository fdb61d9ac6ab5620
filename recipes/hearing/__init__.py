"""A tiny model that answers questions about spoken words: for tests."""
