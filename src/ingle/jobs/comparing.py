"""Several jobs side by side: what is not the same in their plans, and how far each came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingle.jobs.job import Job

Rows = list[tuple[str, list[str]]]
"""What is compared, and the text of each job, in their order."""
SHORTENED = 12
"""Characters of a hash that are shown."""


def compared(jobs: Sequence[Job]) -> Rows:
    """How far each came, what it made, and what was asked differently."""
    made = {kind: None for job in jobs for kind in job.status.results}
    return [
        *standing(jobs),
        *((kind, [job.status.results.get(kind, "-") for job in jobs]) for kind in made),
        *differences([job.plan() for job in jobs]),
    ]


def standing(jobs: Sequence[Job]) -> Rows:
    """State and progress."""
    units = dict.fromkeys(job.status.unit for job in jobs if job.status.unit)
    return [
        ("state", [job.state for job in jobs]),
        (" or ".join(units) or "done", [_progress(job) for job in jobs]),
    ]


def differences(plans: Sequence[Mapping[str, Any]], but: Sequence[str] = ("op", "name")) -> Rows:
    """Entries that are not the same in all plans."""
    keys = {key: None for plan in plans for key in plan if key not in but}
    rows = [(key, [_text(key, plan.get(key)) for plan in plans]) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def _progress(job: Job) -> str:
    status = job.status
    return f"{status.done}/{status.total}" if status.total else str(status.done)


def _text(key: str, value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text[:SHORTENED] if key.endswith(("digest", "sha256")) else text
