"""What a completion costs: tokens. A prompt that is scored and then continued counts twice."""

from __future__ import annotations

from ingle.capabilities.complete.operation import Complete
from ingle.operations import tokens


def evaluations(operation: Complete) -> int:
    """How often its prompt is evaluated."""
    return 2 if operation.echo and not operation.echo_only else 1


def estimated(operation: Complete) -> float:
    """About how many tokens a request has."""
    return tokens.estimated(operation) * evaluations(operation)


COST = tokens.counted(estimate=estimated, evaluations=evaluations)
