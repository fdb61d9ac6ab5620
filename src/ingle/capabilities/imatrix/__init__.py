"""Imatrix: what matters most in each matrix of a model."""

from __future__ import annotations

from ingle.capabilities.imatrix.operation import MakeImatrix
from ingle.operations import Done
from ingle.operations.capability import Capability, Command, Free, OwnerOnly
from ingle.operations.job_events import JobEnded, JobNote, JobProgress

CAPABILITY = Capability(
    name="imatrix",
    summary="Measure what matters most in each matrix of a model, for quantising it.",
    operations=(MakeImatrix,),
    events=(JobNote, JobProgress, JobEnded, Done),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.imatrix.imatrix_job:perform",
    job="ingle.capabilities.imatrix.imatrix_job:KIND",
    commands={
        "imatrix": Command(
            "ingle.capabilities.imatrix.cli:imatrix_command",
            "Measure what matters most in each matrix of a model.",
        ),
    },
    methods="ingle.capabilities.imatrix.client:ImatrixMethods",
)
