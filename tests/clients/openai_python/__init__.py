"""openai-python's own tests of its API, run against a real server: ``make openai-python``."""
