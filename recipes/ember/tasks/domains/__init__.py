"""Domains: functions with requests in whole sentences, by parts of life, for training alone.

A row is `name | description | parameters | requests`. A parameter is name:kind:description (a
trailing ? is optional); a kind with / in it is a list of choices. Requests stand between `; `.
"""

from __future__ import annotations

from . import brief, data, field, home, media, office, people, systems, trade, travel

TABLES = (home, travel, office, trade, people, media, systems, data, field, brief)
ROWS = [row for table in TABLES for row in table.TABLE.strip().splitlines()]
