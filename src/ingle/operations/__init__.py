"""What an operation is: a checked request, typed events, a result. Pure data.

What every capability shares is here; what one capability can be asked is in its own
``ingle.capabilities.NAME.operation``, and `registry` finds it by its name on the wire.
"""

from __future__ import annotations

from ingle.operations.device_info import DeviceInfo
from ingle.operations.events import (
    Done,
    Finish,
    FinishReason,
    Note,
    Progress,
    Reasoning,
    Rerouted,
    Started,
    Status,
    Text,
    Timing,
    TokenLogprob,
    ToolCallPiece,
    TryingPath,
    Usage,
)
from ingle.operations.folding import Fold
from ingle.operations.generation import AdapterUse, ChatResult, Choice, Generation, GenerationResult
from ingle.operations.message import AudioPart, ImagePart, Message, Part, TextPart, Tool, ToolCall
from ingle.operations.model_defaults import ModelDefaults
from ingle.operations.operation import (
    Ability,
    Event,
    ModelOperation,
    Operation,
    invalid_field,
    operation_name,
)
from ingle.operations.sampling import Sampling

__all__ = [
    "Ability",
    "AdapterUse",
    "AudioPart",
    "ChatResult",
    "Choice",
    "DeviceInfo",
    "Done",
    "Event",
    "Finish",
    "FinishReason",
    "Fold",
    "Generation",
    "GenerationResult",
    "ImagePart",
    "Message",
    "ModelDefaults",
    "ModelOperation",
    "Note",
    "Operation",
    "Part",
    "Progress",
    "Reasoning",
    "Rerouted",
    "Sampling",
    "Started",
    "Status",
    "Text",
    "TextPart",
    "Timing",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolCallPiece",
    "TryingPath",
    "Usage",
    "invalid_field",
    "operation_name",
]
