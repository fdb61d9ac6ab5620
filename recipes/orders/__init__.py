"""A recipe for adapting a model: ember learns the order slips of an invented bakery."""
