"""What the product can do, one folder each. `ingle.operations.registry` finds them by name.

A folder's ``__init__`` holds its declaration (`ingle.operations.capability.Capability`), its
``operation`` module the data; whatever else is in it is imported when it is used.
"""

from __future__ import annotations

BUILT_IN = (
    "chat",
    "complete",
    "embed",
    "rerank",
    "tokenize",
    "transcribe",
    "transcripts",
    "speak",
    "voices",
    "ocr",
    "translate",
    "detect",
    "talk",
    "realtime",
    "extract",
    "collections",
    "search",
    "ask",
    "clone",
    "imagine",
    "prompts",
    "blobs",
    "store",
    "pull",
    "quantize",
    "imatrix",
    "compare",
    "adapters",
    "share",
    "train",
    "runs",
    "jobs",
    "peers",
    "peering",
    "node",
)
"""The names of the folders, in the order in which commands and docs list them."""
