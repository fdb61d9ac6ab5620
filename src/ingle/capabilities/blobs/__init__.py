"""Blobs: bytes that an operation speaks of, put into the node that performs it."""

from __future__ import annotations

from ingle.capabilities.blobs.operation import (
    BlobList,
    BlobPiece,
    BlobState,
    ForgetBlob,
    GetBlob,
    ListBlobs,
    PutBlob,
)
from ingle.operations import Done
from ingle.operations.capability import Capability, Granted, Uncounted
from ingle.operations.operation import Bytes

CAPABILITY = Capability(
    name="blobs",
    summary="Recordings, pictures, documents and results, by their hash.",
    operations=(PutBlob, GetBlob, ListBlobs, ForgetBlob),
    inputs=(Bytes,),
    events=(BlobState, BlobPiece, BlobList, Done),
    permission=Granted(),
    cost=Uncounted(),
    performer="ingle.capabilities.blobs.performer:perform",
    routes="ingle.capabilities.blobs.http:table",
    methods="ingle.capabilities.blobs.client:BlobMethods",
)
