"""Domains: functions with requests in whole sentences, by parts of life, for training alone.

A row is `name | description | parameters | requests`. A parameter is name:kind:description (a
trailing ? is optional); a kind with / in it is a list of choices. Requests stand between `; `.
"""

from __future__ import annotations

from . import (
    brief,
    data,
    field,
    home,
    media,
    messages,
    office,
    papers,
    people,
    systems,
    town,
    trade,
    travel,
)

TABLES = (
    home, travel, town, office, messages, papers, trade, people, media, systems, data, field, brief
)  # fmt: skip
ROWS = [row for table in TABLES for row in table.TABLE.strip().splitlines()]
