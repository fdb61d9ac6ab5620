"""Offers: functions that programs offer, by the field they come from, for training alone.

Rows as `catalogue.TABLE` has them, but every request names all that its function requires.
"""

from __future__ import annotations

from ..catalogue import read_row
from ..functions import Function
from . import brief, engineering, home, journeys, outdoors, people, systems, trade, work

OFFERS: tuple[Function, ...] = tuple(
    read_row(row, trained=True)
    for module in (home, journeys, work, trade, people, outdoors, systems, engineering, brief)
    for row in module.ROWS.strip().splitlines()
)
