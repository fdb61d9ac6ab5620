"""Quantise: a model in fewer bits."""

from __future__ import annotations

from ingle.capabilities.quantize.operation import QuantizeModel
from ingle.operations import Done
from ingle.operations.capability import Capability, Command, Free, OwnerOnly
from ingle.operations.job_events import JobEnded, JobNote, JobProgress

CAPABILITY = Capability(
    name="quantize",
    summary="Make a model with fewer bits.",
    operations=(QuantizeModel,),
    events=(JobNote, JobProgress, JobEnded, Done),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.quantize.quantize_job:perform",
    job="ingle.capabilities.quantize.quantize_job:KIND",
    commands={
        "quantize": Command(
            "ingle.capabilities.quantize.cli.quantize_command:quantize_command",
            "Make a model with fewer bits.",
        ),
        "inspect": Command(
            "ingle.capabilities.quantize.cli.inspect_command:inspect_command",
            "Look into a model's file, or compare two.",
        ),
    },
    methods="ingle.capabilities.quantize.client:QuantizeMethods",
)
