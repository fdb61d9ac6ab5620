"""`ModelCalls`: an operation on a model, from waiting for slots to the worker's last event."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack

import msgspec

from ingle.node.device_speeds import DeviceSpeeds
from ingle.node.kept_prompts import KeptPrompts
from ingle.node.lease import Lease
from ingle.node.memory_budget import MemoryBudget
from ingle.node.node_blobs import NodeBlobs
from ingle.node.performing import Caller
from ingle.node.scheduler import Scheduler
from ingle.node.slot_request import SlotRequest
from ingle.node.speculation_record import SpeculationRecord
from ingle.operations import ModelOperation, Started, Status, Timing, Usage, registry
from ingle.operations.blob import blobs_of
from ingle.operations.encoded import Passed
from ingle.operations.events import ModelResult


class ModelCalls:
    """Has workers perform operations, and learns from what they say of their time.

    Args:
        prompts: what models have read of the owner's long prompts.
        speeds: how fast the devices are found to be.
        speculation: for which models guessing tokens ahead helps.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        blobs: NodeBlobs,
        budget: MemoryBudget,
        prompts: KeptPrompts,
        speeds: DeviceSpeeds,
        speculation: SpeculationRecord,
    ) -> None:
        self._scheduler = scheduler
        self._blobs = blobs
        self._budget = budget
        self._prompts = prompts
        self._speeds = speeds
        self._speculation = speculation

    async def perform(
        self, operation: ModelOperation, slot_request: SlotRequest, started: Started, caller: Caller
    ) -> AsyncGenerator[Passed, None]:
        """Wait for slots, have a worker perform it, pass its events on."""
        asked = time.monotonic()
        capability = registry.of(operation)
        state = self._scheduler.state_for(slot_request)
        if state != "ready":
            yield Status(state=state, detail=slot_request.spec.model)  # type: ignore[arg-type]
        held = ExitStack()
        files = [
            held.enter_context(self._blobs.held(caller.principal, blob.sha256))
            for blob in blobs_of(operation)
        ]
        with held:
            lease = await self._scheduler.acquire(slot_request)
            try:
                lending = lease.worker.files_visible(files)
                held.enter_context(lending)
                chain = await self._prompts.before(lease, caller.principal, operation)
                call = lease.worker.call(operation, caller.feed)
            except BaseException:
                self._scheduler.release(lease)
                raise
            # Until the worker has let go: after a cancel it may still read for a moment.
            kept = held.pop_all()
            call.ended.add_done_callback(lambda _: kept.close())
        # The slot is free when the worker says so, which after a cancel is a
        # moment later than our caller needs to wait.
        call.ended.add_done_callback(lambda _: self._scheduler.release(lease))
        first_piece_s, read = 0.0, Usage(prompt_tokens=0)
        alone = lease.alone
        try:
            yield started
            async for event in call:
                kind = capability.types.get(event.tag)
                if kind is None:
                    yield event
                elif kind.piece:
                    if not first_piece_s:
                        first_piece_s = time.monotonic() - asked
                    yield event
                elif kind is Usage:
                    usage = event.decode(capability.types)
                    assert isinstance(usage, Usage)
                    read = usage
                    yield event
                elif kind is Timing or issubclass(kind, ModelResult):
                    known = event.decode(capability.types)
                    if isinstance(known, Timing):
                        self._speeds.learn(lease.loaded_model, known, self._budget.devices)
                        if alone and lease.alone:
                            written = read.completion_tokens
                            self._speculation.answered(lease.loaded_model.spec, known, written)
                        self._prompts.after(lease, chain, read, known)
                        yield _timed(known, lease, asked, first_piece_s)
                    else:
                        assert known is not None
                        yield msgspec.structs.replace(
                            known, model=started.model, digest=started.digest, where=started.where
                        )
                else:
                    yield event
        finally:
            call.cancel()


def _timed(timing: Timing, lease: Lease, asked: float, first_piece_s: float) -> Timing:
    return msgspec.structs.replace(
        timing,
        queued_s=lease.queued_s,
        load_s=lease.load_s,
        first_token_s=first_piece_s,
        total_s=time.monotonic() - asked,
    )
