"""Collections: ask your own documents."""

from __future__ import annotations

from ingle.capabilities.collections.operation import (
    AddDocuments,
    CollectionList,
    CollectionPulled,
    DocumentAdded,
    DocumentList,
    DocumentSkipped,
    DocumentText,
    ListCollections,
    ListDocuments,
    MakeCollection,
    MarkDocuments,
    PullCollection,
    ReadDocument,
    RemoveCollection,
    RemoveDocuments,
    ShareCollection,
)
from ingle.operations import Done, Progress
from ingle.operations.capability import Capability, Command, Free, OwnerOnly
from ingle.operations.job_events import JobEnded, JobNote, JobProgress

_CLI = "ingle.capabilities.collections.cli"

CAPABILITY = Capability(
    name="collections",
    summary="Make documents searchable, and search them.",
    operations=(
        AddDocuments, ListCollections, RemoveCollection, ListDocuments, ReadDocument,
        MarkDocuments, RemoveDocuments, MakeCollection, ShareCollection,
        PullCollection,
    ),
    events=(
        DocumentAdded, DocumentSkipped, CollectionList, DocumentList, DocumentText,
        CollectionPulled, Progress, JobNote, JobProgress, JobEnded, Done,
    ),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.collections.performer:perform",
    job="ingle.capabilities.collections.ingest_job:KIND",
    commands={
        "collection": Command(
            f"{_CLI}.collection_commands:collection_group", "Make documents searchable."
        ),
    },
    routes="ingle.capabilities.collections.http:table",
    methods="ingle.capabilities.collections.client:CollectionMethods",
)  # fmt: skip
