"""AsyncHome: everything a program can ask of this machine's node."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from ingle.capabilities.adapters.client import AdapterMethods
from ingle.capabilities.blobs.client import BlobMethods
from ingle.capabilities.chat.client import ChatMethods
from ingle.capabilities.collections.client import CollectionMethods
from ingle.capabilities.compare.client import CompareMethods
from ingle.capabilities.complete.client import CompleteMethods
from ingle.capabilities.detect.client import DetectMethods
from ingle.capabilities.embed.client import EmbedMethods
from ingle.capabilities.extract.client import ExtractMethods
from ingle.capabilities.imagine.client import ImagineMethods
from ingle.capabilities.imatrix.client import ImatrixMethods
from ingle.capabilities.jobs.client import JobMethods
from ingle.capabilities.node.client import NodeMethods
from ingle.capabilities.ocr.client import OcrMethods
from ingle.capabilities.peers.client import PeerMethods
from ingle.capabilities.quantize.client import QuantizeMethods
from ingle.capabilities.rerank.client import RerankMethods
from ingle.capabilities.speak.client import SpeakMethods
from ingle.capabilities.store.client import StoreMethods
from ingle.capabilities.talk.client import TalkMethods
from ingle.capabilities.tokenize.client import TokenizeMethods
from ingle.capabilities.train.client import TrainMethods
from ingle.capabilities.transcribe.client import TranscribeMethods
from ingle.capabilities.translate.client import TranslateMethods
from ingle.capabilities.voices.client import VoiceMethods
from ingle.client.connect import Otherwise, connect
from ingle.client.methods import Methods
from ingle.config import Settings, load
from ingle.errors import BadPlugIn, CapabilityMissing
from ingle.operations import registry
from ingle.operations.capability import load as load_part


class AsyncHome(
    ChatMethods,
    CompleteMethods,
    EmbedMethods,
    RerankMethods,
    TokenizeMethods,
    TranscribeMethods,
    SpeakMethods,
    VoiceMethods,
    OcrMethods,
    TalkMethods,
    ExtractMethods,
    CollectionMethods,
    ImagineMethods,
    TranslateMethods,
    DetectMethods,
    BlobMethods,
    StoreMethods,
    QuantizeMethods,
    ImatrixMethods,
    CompareMethods,
    AdapterMethods,
    TrainMethods,
    JobMethods,
    NodeMethods,
    PeerMethods,
):
    """This machine's node, as nouns and verbs. Made by `open_async`.

    Every method raises `IngleError` (see the error tree), and can be cancelled
    like any coroutine: the work stops on the node, too. A plug-in's method is
    found under its capability's name.
    """

    def capability(self, name: str) -> Methods:
        """The methods of a capability, such as a plug-in's.

        Raises:
            CapabilityMissing: there is not one of this name, or it has no methods.
            BadPlugIn: a plug-in of this name cannot be used.
        """
        capability = registry.find(name)
        if capability is None or not capability.methods:
            raise CapabilityMissing(
                f"there is no capability {name!r} with methods",
                hint="ingle capabilities",
                capability=name,
            )
        methods: Methods = load_part(capability.methods)(self.node, self.settings)
        return methods

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            with contextlib.suppress(CapabilityMissing, BadPlugIn):
                return getattr(self.capability(name), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


@asynccontextmanager
async def open_async(
    settings: Settings | None = None, *, otherwise: Otherwise = "host", **flags: Any
) -> AsyncIterator[AsyncHome]:
    """Reach the node that runs on this machine, or host one in this process.

    Args:
        settings: instead of those from flags, environment and files.
        otherwise: if no node runs: ``host`` one here, start one in the
            ``background``, or ``fail``.
        flags: single settings, such as ``memory="6GiB"``.
    """
    if settings is None:
        settings, _ = load(flags)
    async with AsyncExitStack() as stack:
        node = await connect(settings, stack, otherwise)
        yield AsyncHome(node, settings)
