"""Compare: how far quantisations are from the original."""

from __future__ import annotations

from ingle.capabilities.compare.operation import CompareModels, ModelsCompared
from ingle.operations import Done
from ingle.operations.capability import Capability, Command, Free, OwnerOnly
from ingle.operations.job_events import JobEnded, JobNote, JobProgress

CAPABILITY = Capability(
    name="compare",
    summary="Measure how far quantisations of a model are from it.",
    operations=(CompareModels,),
    events=(JobNote, JobProgress, ModelsCompared, JobEnded, Done),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.compare.compare_job:perform",
    job="ingle.capabilities.compare.compare_job:KIND",
    commands={
        "compare": Command(
            "ingle.capabilities.compare.cli:compare_command",
            "Measure how far quantisations of a model are from it.",
        ),
    },
    methods="ingle.capabilities.compare.client:CompareMethods",
)
