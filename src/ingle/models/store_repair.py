"""Repairs a store: records that cannot be read, and blobs whose names were lost with the index."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator

from ingle.database import BACKUP, DAMAGED
from ingle.errors import BadModelFile, InvalidRequest
from ingle.models.facts import facts_of
from ingle.models.format import WEIGHTS
from ingle.models.index import ADAPTER, MODEL, decoded
from ingle.models.model import Model, ModelFile
from ingle.models.ref import part_from
from ingle.models.store import Store


def damaged_records(store: Store) -> list[str]:
    """What cannot be read, in words: ``the model NAME``."""
    with store.index.read() as rows:
        return [f"the {kind} {key}" for kind, key, _ in rows.damaged()]


def repair_records(store: Store) -> Iterator[str]:
    """Take each damaged record from its own file, from the index's copy, or out; yields what was
    done.

    What stood there is kept in ``index.damaged.jsonl``, one line for each.
    """
    with store.index.write() as rows:
        damaged = rows.damaged()
        kept = store.root / "index.damaged.jsonl"
        for kind, key, record in damaged:
            with kept.open("a") as file:
                file.write(json.dumps({"kind": kind, "key": key, "record": record.hex()}) + "\n")
            if (same := decoded(store.index.records.get(kind, key))) is not None:
                rows.put(kind, key, same)
                yield f"the {kind} {key} is again as it was"
            elif (earlier := _earlier(store, kind, key)) is not None:
                rows.put(kind, key, earlier)
                yield f"the {kind} {key} is again as it was in the last copy"
            else:
                rows.delete(kind, key)
                yield f"the {kind} {key} was taken out; its record is kept in {kept.name}"


def lost_names(store: Store) -> bool:
    """Whether the index was damaged at some time, and what it says may be older than the blobs."""
    return any(store.root.glob(f"{store.index.path.name}{DAMAGED}*"))


def name_unnamed(store: Store) -> Iterator[str]:
    """Give the GGUF files that no name needs a name after their title; yields what was named."""
    with store.index.read() as rows:
        kept = rows.named() | rows.pins().keys()
    taken = {model.name for model in store.models()} | {one.name for one in store.adapters()}
    for digest, size in sorted(store.blobs.all()):
        if digest in kept:
            continue
        try:
            facts = facts_of([store.blobs.path(digest)])
        except BadModelFile:
            continue  # a part of something, which cannot stand alone
        if facts.kind not in (MODEL, ADAPTER):
            continue
        name = _free(part_from(facts.title) if facts.title else "", digest, taken)
        taken.add(name)
        file = ModelFile(role=WEIGHTS, name=f"{name}.gguf", digest=digest, size=size)
        record = store.record if facts.kind == MODEL else store.record_adapter
        with contextlib.suppress(InvalidRequest):  # its title is no name
            record(name, [file], facts, "found again")
            yield f"the {facts.kind} {name} was found again"


def _earlier(store: Store, kind: str, key: str) -> Model | None:
    backup = store.index.path.with_name(store.index.path.name + BACKUP)
    if not backup.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"file:{backup}?mode=ro", uri=True)) as copy:
            row = copy.execute(
                "SELECT record FROM names WHERE kind = ? AND key = ?", (kind, key)
            ).fetchone()
    except sqlite3.Error:
        return None
    return decoded(row[0]) if row else None


def _free(title: str, digest: str, taken: set[str]) -> str:
    name = title or f"found-{digest.partition(':')[2][:12]}"
    return name if name not in taken else f"{name}-{digest.partition(':')[2][:6]}"
