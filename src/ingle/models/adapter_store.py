"""The adapters of a store: their versions, and on which models they may be used."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ingle.models import adapter_provenance, index
from ingle.models.model import Model
from ingle.models.ref import ModelRef
from ingle.models.store import Store


class AdapterStore:
    """Versions and bases of the adapters in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fitting: set[tuple[str, str]] = set()
        """Digests of adapters and bases that were found to fit."""

    def keep(self, path: Path, name: str) -> Model:
        """Take in an adapter's next version: ``NAME:1``, then ``NAME:2``; ``NAME`` is the last.

        The same file again is the version that it is. One that was added by hand
        under the name becomes a version, too.

        Raises: as `Store.add_adapter`.
        """
        ref = ModelRef.parse(name)
        versions = self._versions(ref)
        latest = versions.get(0)
        if latest is not None and latest.digest not in {
            model.digest for number, model in versions.items() if number
        }:
            number = max(versions) + 1
            versions[number] = self._store.name_adapter(latest, f"{ref.path}:{number}")
        number = max(versions, default=0) + 1
        kept = self._store.add_adapter(path, f"{ref.path}:{number}")
        same = [found for found, model in versions.items() if found and model.digest == kept.digest]
        if same:
            self._store.forget_adapter(kept.name)
            kept = versions[same[0]]
        self._store.name_adapter(kept, ref.path)
        return self._store.resolve_adapter(kept.name)

    def allow(self, name: str, model: str) -> Model:
        """Let an adapter be used on a model that is not its base (the same one, requantised).

        Raises:
            AdapterNotFound, ModelNotFound: there is none.
            InvalidRequest: its matrices do not fit.
        """
        adapter, base = self._store.resolve_adapter(name), self._store.resolve(model)
        _check_fits(adapter, base)
        with self._store.index.write() as rows:
            for record in rows.all(index.ADAPTER):
                if record.digest == adapter.digest and base.digest not in record.bases:
                    changed = msgspec.structs.replace(record, bases=[*record.bases, base.digest])
                    rows.put(index.ADAPTER, ModelRef.parse(record.name).key, changed)
        return self._store.resolve_adapter(name)

    def check(self, adapter: Model, base: Model) -> None:
        """May an adapter be used on a model?

        Raises:
            InvalidRequest: it is for another one; says what is different, and what allows it.
        """
        key = (adapter.digest, base.digest)
        if base.digest in adapter.bases or key in self._fitting:
            return
        _check_fits(adapter, base)
        made_for = adapter_provenance.provenance(adapter.path)
        if made_for.base not in ("", base.digest):
            raise adapter_provenance.refused(
                adapter.name,
                base.name,
                f"it was trained on {made_for.model or 'a model'} with the digest "
                f"{made_for.base[:19]}, and this is {base.digest[:19]}",
                hint="if that is the same model, requantised: "
                f"ingle adapter allow NAME {base.name}",
            )
        self._fitting.add(key)

    def remove(self, name: str) -> list[str]:
        """Forget an adapter: all its versions, or the one that is named.

        If that one was the last, the one before it takes its place.

        Returns:
            What was forgotten.

        Raises: as `Store.resolve_adapter`.
        """
        ref = ModelRef.parse(name)
        found = self._store.resolve_adapter(name)
        versions = self._versions(ref)
        if ref.short == ref.path:
            gone = [model.name for model in versions.values()]
            for model in versions.values():
                self._store.forget_adapter(model.name)
            return gone
        self._store.forget_adapter(found.name)
        gone = [found.name]
        left = {n: model for n, model in versions.items() if n and model.name != found.name}
        if 0 in versions and versions[0].digest == found.digest:
            if left:
                self._store.name_adapter(left[max(left)], ref.path)
            else:
                self._store.forget_adapter(ref.path)
                gone.append(ref.path)
        return gone

    def _versions(self, ref: ModelRef) -> dict[int, Model]:
        """Numbered versions of an adapter; 0 is the name alone, which is the last of them."""
        found = {}
        for model in self._store.adapters():
            other = ModelRef.parse(model.name)
            if other.path.lower() == ref.path.lower():
                if other.short == other.path:
                    found[0] = model
                elif other.tag.isdecimal():
                    found[int(other.tag)] = model
        return found


def _check_fits(adapter: Model, base: Model) -> None:
    if base.facts.format != adapter.facts.format:
        raise adapter_provenance.refused(
            adapter.name,
            base.name,
            f"it is for {adapter.facts.format} models, and this is {base.facts.format}",
        )
    adapter_provenance.check(adapter.path, base.path, adapter.name, base.name)
