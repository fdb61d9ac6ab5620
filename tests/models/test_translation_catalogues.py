"""``bergamot:en-de``: looked up in catalogues of Mozilla's two forms, fetched, verified."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from ingle.capabilities.store.operation import Pull
from ingle.errors import IntegrityError, ModelNotFound, NetworkError
from ingle.models.ref import ModelRef
from ingle.models.sources import HubSource, parse_source
from ingle.models.sources.caches import CacheSource
from ingle.models.sources.mozilla import MozillaSource
from ingle.models.store import Store
from tests.engines.students import STUDENTS

from .hub import FileServer
from .pulling import pulled, sha256

pytestmark = pytest.mark.extras

RECORDS = "/v1/buckets/main/collections/translations-models-v2/records"
KINDS = {"model": "model", "vocab": "vocab", "lex": "lex"}
LISTED = {"model": "model", "vocab": "vocab", "lex": "lexicalShortlist"}
Change = Callable[[dict[str, Any]], None]


def files_of(pair: str) -> dict[str, Path]:
    return {path.name.partition(".")[0]: path for path in sorted((STUDENTS / pair).glob("*.*m*"))
            if path.suffix in (".bin", ".spm")} | {
        "lex": next((STUDENTS / pair).glob("lex*"))}  # fmt: skip


class RemoteSettings(FileServer):
    """Firefox's settings server, as far as it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[dict[str, Any]] = []

    def publish(
        self, pair: str, tier: str, version: str = "3.0", change: Change | None = None
    ) -> None:
        source, target = pair.split("-")
        for kind, path in files_of(pair).items():
            data = path.read_bytes()
            packed = zstandard.compress(data)
            location = f"main-workspace/{tier}-{version}-{path.name}.zst"
            self.add(f"/attachments/{location}", packed)
            record: dict[str, Any] = {
                "name": path.name,
                "fileType": KINDS[kind],
                "sourceLanguage": source,
                "targetLanguage": target,
                "version": version,
                "architecture": tier,
                "decompressedHash": sha256(data),
                "decompressedSize": len(data),
                "attachment": {
                    "hash": sha256(packed), "size": len(packed), "location": location,
                    "filename": f"{path.name}.zst", "mimetype": "application/zstd",
                },
            }  # fmt: skip
            if change is not None:
                change(record)
            self.records.append(record)

    def answer(self, handler: Any, path: str) -> None:
        if path == "/v1/":
            base = {"base_url": f"{self.url}/attachments/"}
            handler.send_json({"capabilities": {"attachments": base}})
        elif path == RECORDS:
            handler.send_json({"data": self.records})
        else:
            handler.send_file(path)


class TrainingList(FileServer):
    """``db/models.json`` and the files that it names."""

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, list[dict[str, Any]]] = {}

    def publish(self, pair: str, tier: str, status: str = "Release", *, of: str = "") -> None:
        files: dict[str, Any] = {}
        for kind, path in files_of(of or pair).items():
            place = f"models/{pair}/{tier}/{path.name}.gz"
            self.add(f"/{place}", gzip.compress(path.read_bytes()))
            files[LISTED[kind]] = {"path": place}
        whole = files_of(of or pair)["model"].read_bytes()
        files["model"] |= {"uncompressedHash": sha256(whole), "uncompressedSize": len(whole)}
        found = {"architecture": tier, "releaseStatus": status, "files": files}
        self.models.setdefault(pair, []).append(found)

    def answer(self, handler: Any, path: str) -> None:
        if path == "/db/models.json":
            handler.send_json({"baseUrl": self.url, "models": self.models})
        else:
            handler.send_file(path)


def digest_of(store: Store, pair: str) -> str:
    return store.add_path(STUDENTS / pair, f"mine-{pair}").digest


def test_remote_settings(store: Store) -> None:
    with RemoteSettings() as server:
        server.publish("en-es", "tiny")
        server.publish("en-fr", "base-memory")
        url = server.url + RECORDS
        model = pulled(store, Pull(model="bergamot:en-es"), translations=url)
        assert (model.name, model.format, model.capabilities) == (
            "bergamot:en-es", "bergamot", ["translate"],
        )  # fmt: skip
        assert model.digest == digest_of(store, "en-es")
        assert model.source.startswith("bergamot:en-es-tiny of 127.0.0.1")
        sent = server.sent
        pulled(store, Pull(model="bergamot:en-es"), translations=url)
        assert server.sent == sent
    # What was packed is not kept beside what it was unpacked to.
    assert len(list(store.blobs.all())) == 3


def test_the_list_of_the_training(store: Store) -> None:
    with TrainingList() as server:
        server.publish("en-es", "tiny")
        server.publish("en-es", "base-memory", "Nightly")
        model = pulled(
            store, Pull(model="bergamot:en-es"), translations=f"{server.url}/db/models.json"
        )
        assert model.digest == digest_of(store, "en-es")
        # One that is released goes before a better tier that is not.
        assert "en-es-tiny" in model.source
        named = Pull(model="bergamot:en-es-base-memory")
        model = pulled(store, named, translations=f"{server.url}/db/models.json")
        assert "en-es-base-memory" in model.source


def test_the_newest_of_the_preferred_tier_is_taken(store: Store) -> None:
    with RemoteSettings() as server:
        server.publish("en-es", "tiny", "4.0")
        server.publish("en-es", "base", "3.1")
        server.publish("en-es", "base", "3.10")
        server.publish("en-es", "base", "4.0a1")
        pulled(store, Pull(model="bergamot:en-es"), translations=server.url + RECORDS)
        fetched = [path for path, _ in server.requests if "model.enes" in path]
        assert fetched
        assert all("base-3.10-" in path for path in fetched)


def test_more_than_fifty_pairs_have_names(store: Store) -> None:
    languages = "bg ca cs da de el et fi fr hr hu it lt lv nl pl pt ro ru sk sl sv tr uk zh zh_hant"
    with TrainingList() as server:
        pairs = [pair for each in languages.split() for pair in (f"en-{each}", f"{each}-en")]
        for pair in pairs:
            server.publish(pair, "tiny", of="en-es")
        assert len(pairs) > 50
        url = f"{server.url}/db/models.json"
        for pair in pairs:
            source = parse_source(Pull(model=f"bergamot:{pair}"), translations=url)
            assert isinstance(source, CacheSource)
            assert isinstance(source.elsewhere, MozillaSource)
            assert source.elsewhere.pair[0 if pair.endswith("-en") else 1] in (
                pair.replace("_", "-").removesuffix("-en").removeprefix("en-"),
            )
        model = pulled(store, Pull(model="bergamot:zh_hant-en"), translations=url)
        assert model.name == "bergamot:zh_hant-en"
        with pytest.raises(ModelNotFound, match="no translation model de-ja; near are") as raised:
            pulled(store, Pull(model="bergamot:de-ja"), translations=url)
        assert raised.value.details["nearest"] == ["bergamot:de-en"]
        with pytest.raises(ModelNotFound, match="en-de of the tier base"):
            pulled(store, Pull(model="bergamot:en-de-base"), translations=url)


def wrong_hash(record: dict[str, Any]) -> None:
    record["decompressedHash"] = "ab" * 32


def wrong_size(record: dict[str, Any]) -> None:
    record["decompressedSize"] = 100


@pytest.mark.parametrize(
    ("change", "told"), [(wrong_hash, "has the hash"), (wrong_size, "unpacks to more than 100")]
)
def test_what_is_not_as_the_catalogue_says_is_not_kept(
    store: Store, change: Change, told: str
) -> None:
    with RemoteSettings() as server:
        server.publish("en-es", "tiny", change=change)
        with pytest.raises(IntegrityError, match=told):
            pulled(store, Pull(model="bergamot:en-es"), translations=server.url + RECORDS)
    assert [each.name for each in store.models() if each.source != "embedded"] == []


def test_files_that_are_not_packed_as_they_say_are_refused(store: Store) -> None:
    with TrainingList() as server:
        server.publish("en-es", "tiny")
        for path in list(server.files):
            server.add(path, b"\x07" * 500)
        url = f"{server.url}/db/models.json"
        with pytest.raises(IntegrityError, match="cannot be unpacked"):
            pulled(store, Pull(model="bergamot:en-es"), translations=url)


@pytest.mark.parametrize(
    "body", [b"", b"[1]", b"{}", b'{"models": 3}', b"<html>", json.dumps({"data": []}).encode()]
)
def test_what_is_no_catalogue_is_told_of(store: Store, body: bytes) -> None:
    with FileServer() as server:
        url = server.add("/catalogue", body)
        with pytest.raises((NetworkError, ModelNotFound), match=r"no catalogue|answered"):
            pulled(store, Pull(model="bergamot:en-es"), translations=url)


def test_opus_models_are_found_by_rule() -> None:
    source = parse_source(Pull(model="opus:en-de"))
    assert isinstance(source, CacheSource)
    assert isinstance(source.elsewhere, HubSource)
    assert source.elsewhere.repo == "gaudi/opus-mt-en-de-ctranslate2"
    assert MozillaSource.of(ModelRef.parse("bergamot:what"), "", "http://x") is None
