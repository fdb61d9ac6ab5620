"""What can be asked of a node, as pure data.

One module per operation: a request (`Operation`), its events (`Event`) and its
result. ``decode`` and ``AnyEvent`` are what a wire needs to read them back.
"""

from __future__ import annotations

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.adapters import (
    AdapterDetails,
    Adapters,
    AdapterSummary,
    AddAdapter,
    AllowBase,
    ListAdapters,
    RemoveAdapter,
    ShowAdapter,
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
    Rerouted,
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
from ingle.operations.peers import (
    ConfirmCode,
    Expect,
    FileInfo,
    ForgetPeer,
    Found,
    GrantInfo,
    GrantPeer,
    Grants,
    Introduce,
    Introduced,
    Invite,
    Invited,
    Join,
    ListGrants,
    ListPeers,
    Me,
    Nearby,
    News,
    Offer,
    Offered,
    Pair,
    Paired,
    PeerInfo,
    Peers,
    Reaching,
    RenamePeer,
    Requested,
    Requests,
    ResetIdentity,
    RevokeGrant,
    SharedModel,
    ShowCode,
    WhoAmI,
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
from ingle.operations.training import (
    ExamplesReceived,
    FetchRun,
    FilePiece,
    FollowRun,
    ListRuns,
    LossPoint,
    RemoveRun,
    RunDetails,
    RunList,
    RunSummary,
    SendExamples,
    ShowRun,
    StopRun,
    Train,
    Trained,
    TrainingNote,
    TrainingProgress,
    TrainingSettings,
)

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
    | ShowAdapter
    | AllowBase
    | RemoveAdapter
    | WhoAmI
    | Invite
    | Join
    | Nearby
    | Pair
    | Requests
    | ConfirmCode
    | ListPeers
    | ForgetPeer
    | RenamePeer
    | GrantPeer
    | ListGrants
    | RevokeGrant
    | Offer
    | Introduce
    | Expect
    | News
    | ResetIdentity
    | Train
    | ListRuns
    | ShowRun
    | FollowRun
    | StopRun
    | RemoveRun
    | SendExamples
    | FetchRun
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
    | AdapterDetails
    | Me
    | Invited
    | Reaching
    | Paired
    | Found
    | ShowCode
    | Requested
    | Peers
    | Grants
    | Offered
    | Introduced
    | Rerouted
    | TrainingNote
    | TrainingProgress
    | Trained
    | RunList
    | RunDetails
    | ExamplesReceived
    | FilePiece
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
    "AdapterDetails",
    "AdapterSummary",
    "AdapterUse",
    "Adapters",
    "AddAdapter",
    "AllowBase",
    "AnyEvent",
    "AnyOperation",
    "Audience",
    "Capability",
    "Chat",
    "ChatResult",
    "Choice",
    "Complete",
    "ConfirmCode",
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
    "ExamplesReceived",
    "Expect",
    "FetchRun",
    "FileInfo",
    "FilePiece",
    "Finish",
    "FinishReason",
    "FitModel",
    "FitReport",
    "Fold",
    "FollowRun",
    "ForgetPeer",
    "Found",
    "Generation",
    "GenerationResult",
    "GrantInfo",
    "GrantPeer",
    "Grants",
    "ImagePart",
    "Introduce",
    "Introduced",
    "Invite",
    "Invited",
    "Join",
    "Ledger",
    "LedgerEntry",
    "LedgerPage",
    "ListAdapters",
    "ListGrants",
    "ListModels",
    "ListPeers",
    "ListRuns",
    "ListShares",
    "Load",
    "Loaded",
    "LossPoint",
    "Me",
    "Message",
    "ModelDetails",
    "ModelOperation",
    "ModelSummary",
    "Models",
    "Nearby",
    "News",
    "NodeStatus",
    "Offer",
    "Offered",
    "Operation",
    "Pair",
    "Paired",
    "Part",
    "PeerInfo",
    "Peers",
    "Progress",
    "Prune",
    "Pruned",
    "Pull",
    "Pulled",
    "Ranked",
    "Reaching",
    "Reasoning",
    "RemoveAdapter",
    "RemoveModel",
    "RemoveRun",
    "RenamePeer",
    "Requested",
    "Requests",
    "Rerank",
    "Reranked",
    "Rerouted",
    "ResetIdentity",
    "Resume",
    "RevokeGrant",
    "RunDetails",
    "RunList",
    "RunSummary",
    "Sampling",
    "SendExamples",
    "ShareModel",
    "ShareSummary",
    "Shared",
    "SharedModel",
    "Shares",
    "ShowAdapter",
    "ShowCode",
    "ShowModel",
    "ShowRun",
    "Shown",
    "Shutdown",
    "Started",
    "Status",
    "StatusReport",
    "StopRun",
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
    "Train",
    "Trained",
    "TrainingNote",
    "TrainingProgress",
    "TrainingSettings",
    "Unload",
    "UnshareModel",
    "Usage",
    "WhoAmI",
    "WorkerInfo",
    "from_json",
    "invalid_field",
    "operation_name",
]
