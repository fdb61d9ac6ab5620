"""What can be asked of a node, as pure data.

One module per operation: a request (`Operation`), its events (`Event`) and its
result. ``decode`` and ``AnyEvent`` are what a wire needs to read them back.
"""

from __future__ import annotations

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.adapters import (
    Adapters,
    AdapterSummary,
    AddAdapter,
    ListAdapters,
    RemoveAdapter,
)
from ingle.operations.chat import (
    Chat,
    ChatResult,
    Choice,
    ImagePart,
    Message,
    Part,
    TextPart,
    Tool,
    ToolCall,
)
from ingle.operations.complete import Complete
from ingle.operations.embed import Embed, Embedded
from ingle.operations.events import (
    Finish,
    FinishReason,
    Reasoning,
    Started,
    Status,
    Text,
    Timing,
    TokenLogprob,
    ToolCallPiece,
    Usage,
)
from ingle.operations.folding import Fold
from ingle.operations.generation import AdapterUse, Generation, GenerationResult
from ingle.operations.node import (
    DeviceInfo,
    Ledger,
    LedgerEntry,
    LedgerPage,
    Load,
    Loaded,
    NodeStatus,
    Resume,
    Shutdown,
    StatusReport,
    Suspend,
    Unload,
    WorkerInfo,
)
from ingle.operations.operation import (
    Capability,
    Event,
    Operation,
    invalid_field,
    operation_name,
)
from ingle.operations.rerank import Ranked, Rerank, Reranked
from ingle.operations.sampling import Sampling
from ingle.operations.sharing import (
    Audience,
    ListShares,
    Shared,
    ShareModel,
    Shares,
    ShareSummary,
    UnshareModel,
)
from ingle.operations.store import (
    CopyModel,
    DiskUsage,
    DiskUse,
    Done,
    FitModel,
    FitReport,
    ListModels,
    ModelDetails,
    Models,
    ModelSummary,
    Progress,
    Prune,
    Pruned,
    Pull,
    Pulled,
    RemoveModel,
    ShowModel,
    Shown,
)
from ingle.operations.tokenize import Detokenize, Detokenized, Tokenize, Tokenized

AnyOperation = (
    Chat
    | Complete
    | Embed
    | Rerank
    | Tokenize
    | Detokenize
    | ListModels
    | ShowModel
    | FitModel
    | Pull
    | CopyModel
    | RemoveModel
    | DiskUse
    | Prune
    | NodeStatus
    | Load
    | Unload
    | Suspend
    | Resume
    | Shutdown
    | Ledger
    | ShareModel
    | UnshareModel
    | ListShares
    | AddAdapter
    | ListAdapters
    | RemoveAdapter
)

AnyEvent = (
    Text
    | Reasoning
    | ToolCallPiece
    | Finish
    | Usage
    | Timing
    | Started
    | Status
    | Embedded
    | Reranked
    | Tokenized
    | Detokenized
    | Models
    | Shown
    | FitReport
    | Progress
    | Pulled
    | DiskUsage
    | Pruned
    | Done
    | StatusReport
    | Shared
    | Shares
    | Loaded
    | LedgerPage
    | Adapters
)

ModelOperation = Chat | Complete | Embed | Rerank | Tokenize | Detokenize
"""The operations that a model performs, as against a node's own affairs."""


_decoder: msgspec.json.Decoder[AnyOperation] = msgspec.json.Decoder(AnyOperation)


def from_json(data: bytes | str) -> AnyOperation:
    """Read an operation from JSON; the ``op`` field says which.

    Raises:
        InvalidRequest: not JSON, an unknown operation, or a bad field (named).
    """
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise invalid_field("", error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the request is not JSON: {error}") from None


__all__ = [
    "AdapterSummary",
    "AdapterUse",
    "Adapters",
    "AddAdapter",
    "AnyEvent",
    "AnyOperation",
    "Audience",
    "Capability",
    "Chat",
    "ChatResult",
    "Choice",
    "Complete",
    "CopyModel",
    "Detokenize",
    "Detokenized",
    "DeviceInfo",
    "DiskUsage",
    "DiskUse",
    "Done",
    "Embed",
    "Embedded",
    "Event",
    "Finish",
    "FinishReason",
    "FitModel",
    "FitReport",
    "Fold",
    "Generation",
    "GenerationResult",
    "ImagePart",
    "Ledger",
    "LedgerEntry",
    "LedgerPage",
    "ListAdapters",
    "ListModels",
    "ListShares",
    "Load",
    "Loaded",
    "Message",
    "ModelDetails",
    "ModelOperation",
    "ModelSummary",
    "Models",
    "NodeStatus",
    "Operation",
    "Part",
    "Progress",
    "Prune",
    "Pruned",
    "Pull",
    "Pulled",
    "Ranked",
    "Reasoning",
    "RemoveAdapter",
    "RemoveModel",
    "Rerank",
    "Reranked",
    "Resume",
    "Sampling",
    "ShareModel",
    "ShareSummary",
    "Shared",
    "Shares",
    "ShowModel",
    "Shown",
    "Shutdown",
    "Started",
    "Status",
    "StatusReport",
    "Suspend",
    "Text",
    "TextPart",
    "Timing",
    "TokenLogprob",
    "Tokenize",
    "Tokenized",
    "Tool",
    "ToolCall",
    "ToolCallPiece",
    "Unload",
    "UnshareModel",
    "Usage",
    "WorkerInfo",
    "from_json",
    "invalid_field",
    "operation_name",
]
