"""The names of a run's files, in its folder."""

from __future__ import annotations

PLAN = "run.json"
"""What is trained and how; written when the data is ready, and from then on it can be resumed."""
PREPARED = "data.json"
"""What the data was."""
LOSSES = "losses.jsonl"
"""The curve (`ingle.training.loss_log`)."""
ADAPTER, MODEL = "adapter.gguf", "model.gguf"
"""What it made."""
RESULT = (ADAPTER, "peft/adapter_model.safetensors", "peft/adapter_config.json")
"""The files that another device fetches of a run that it asked for."""
