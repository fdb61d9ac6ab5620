"""Formats that plug-ins bring: recognised, kept whole, and harmless when they are bad."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from ingle.capabilities.store.operation import ModelSummary, Pull
from ingle.errors import BadModelFile, BadPlugIn, InvalidRequest, ModelNotFound
from ingle.models import Store, digest, names
from ingle.models.formats import FORMATS, choose, find
from ingle.models.model import Model, ModelFile, identity
from ingle.models.remote import facts_of
from ingle.models.sources.caches import find_cached, import_cached

from .hub import Hub
from .pulling import pulled, sha256
from .weights import write_model, write_projector

LIST = "able\nabout\nbook\n"


def write_words(folder: Path, **config: object) -> Path:
    """A model of the words format (tests/plugins/words)."""
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "list.txt").write_text(LIST)
    (folder / "data" / "vocabulary.txt").write_text("abcdefghijklmnopqrstuvwxyz\n")
    (folder / "config.json").write_text(json.dumps({"words": True, **config}))
    (folder / "README.md").write_text("# Words\n")
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package with one format in it."""

    def add(package: str, name: str, code: str) -> None:
        folder = tmp_path / f"site-{package}"
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ingle.formats]\n{name} = {package}_module:IT\n")
        (folder / f"{package}_module.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))

    return add


def made_up(choose: str = "[]", read: str = "None") -> str:
    return f"""
from ingle.models.facts import Facts
from ingle.models.format import ChosenFiles
class It:
    name = "odd"
    def choose(self, names):
        return {choose}
    def read(self, files):
        return {read}
IT = It()
"""


ONE = '[ChosenFiles(n, (("weights", n),)) for n in names if n.endswith(".odd")]'


# -- a model of several files --------------------------------------------------------


def test_a_folder_is_linked_where_it_lies(store: Store, tmp_path: Path, words: Path) -> None:
    folder = write_words(tmp_path / "small", licence="MIT")
    model = store.add_path(folder)
    assert model.name == "words"
    assert [(file.role, file.name) for file in model.files] == [
        ("weights", "data/list.txt"),
        ("vocabulary", "data/vocabulary.txt"),
        ("config", "config.json"),
    ]
    assert model.linked
    assert model.folder == folder
    assert model.capabilities == ["complete"]
    (summary,) = store.models()
    assert (summary.format, summary.capabilities) == ("words", ["complete"])
    details = store.details("words")
    assert (details.licence, details.architecture) == ("MIT", "list")
    assert details.files == [str(folder / file.name) for file in model.files]


def test_its_own_file_means_the_whole_model(store: Store, tmp_path: Path, words: Path) -> None:
    folder = write_words(tmp_path / "small")
    assert len(store.add_path(folder / "config.json", "mine").files) == 3


def test_a_copy_appears_in_a_folder_under_its_own_names(
    store: Store, tmp_path: Path, words: Path
) -> None:
    folder = write_words(tmp_path / "small")
    model = store.add_path(folder, "mine", link=False)
    kept = files_of(folder)
    del kept["README.md"]
    shutil.rmtree(folder)
    assert files_of(model.folder) == kept
    assert store.resolve("mine").folder == model.folder
    shutil.rmtree(model.folder)
    assert files_of(store.resolve("mine").folder) == kept  # it is made again when it is missing
    copy = store.copy("mine", "second")
    assert (copy.digest, copy.folder) == (model.digest, model.folder)
    store.remove("mine")
    assert files_of(store.resolve("second").folder) == kept
    store.remove("second")
    assert list(store.blobs.all()) == []
    assert list(store.blobs.views.iterdir()) == []


def test_its_identity_covers_every_file_and_can_be_made_by_hand(
    store: Store, tmp_path: Path, words: Path
) -> None:
    one = store.add_path(write_words(tmp_path / "one"), "one", link=False)
    lines = b"".join(
        f"{sha256(data)}  {name}\n".encode()
        for name, data in sorted(files_of(tmp_path / "one").items())
        if name != "README.md"
    )
    assert one.digest == f"sha256:{sha256(lines)}"
    two = store.add_path(write_words(tmp_path / "two", context=1), "two", link=False)
    assert two.files[0].digest == one.files[0].digest
    assert two.digest != one.digest
    assert files_of(one.folder)["config.json"] != files_of(two.folder)["config.json"]
    # Their common weights stay when one goes, and its folder doesn't.
    store.remove("one")
    assert not one.folder.exists()
    assert files_of(store.resolve("two").folder)


def test_shards_of_gguf_keep_the_digest_of_the_first() -> None:
    files = [ModelFile(name=f"{n}", digest=f"sha256:{n * 64}", size=1) for n in ("1", "2")]
    assert identity("gguf", files) == files[0].digest
    assert identity("words", files[:1]) == files[0].digest
    assert identity("words", files) == identity("words", files[::-1]) != files[0].digest
    assert identity("words", files) == digest.of_manifest([(f.name, f.digest) for f in files])


def test_a_repository_is_pulled_whole(store: Store, hub: Hub, tmp_path: Path, words: Path) -> None:
    folder = write_words(tmp_path / "small")
    hub.publish("me/words", files_of(folder))
    known = run_facts(store, "hf.co/me/words")
    assert (known.facts.format, known.capabilities) == ("words", ["complete"])
    assert known.sizes["vocabulary"] == 27
    assert list(store.blobs.all()) == []
    summary = pulled(store, Pull(model="hf.co/me/words"))
    assert summary.format == "words"
    model = store.resolve("hf.co/me/words")
    assert files_of(model.folder).keys() == {"data/list.txt", "data/vocabulary.txt", "config.json"}
    assert model.digest == store.add_path(folder, "local").digest
    with store.index.read() as rows:
        assert rows.pins() == {}


def test_a_repository_with_bad_files_leaves_nothing(
    store: Store, hub: Hub, tmp_path: Path, words: Path
) -> None:
    files = files_of(write_words(tmp_path / "small"))
    hub.publish("me/words", {**files, "config.json": b"{"})
    with pytest.raises(BadModelFile, match=r"config\.json"):
        pulled(store, Pull(model="hf.co/me/words"))
    assert list(store.blobs.all()) == []
    assert list(store.blobs.views.iterdir()) == []


def test_gguf_is_preferred_and_several_others_must_be_named(
    store: Store, hub: Hub, tmp_path: Path, words: Path, model_file: Path
) -> None:
    files = files_of(write_words(tmp_path / "small"))
    two = {f"{part}/{name}": data for part in ("a", "b") for name, data in files.items()}
    hub.publish("me/two", two)
    with pytest.raises(InvalidRequest, match="contains 2 models"):
        pulled(store, Pull(model="hf.co/me/two"))
    pulled(store, Pull(model="hf.co/me/two:B"))
    assert store.resolve("hf.co/me/two:B").files[0].name == "b/data/list.txt"
    hub.publish("me/both", {**files, "m-Q8_0.gguf": model_file.read_bytes()})
    assert pulled(store, Pull(model="hf.co/me/both")).format == "gguf"


def test_names_of_a_hub_that_lead_out_are_not_chosen(
    store: Store, hub: Hub, tmp_path: Path, words: Path
) -> None:
    files = files_of(write_words(tmp_path / "small"))
    hub.publish("me/out", {f"../../{name}": data for name, data in files.items()})
    with pytest.raises(ModelNotFound, match=r"known formats: .*gguf, .*words"):
        pulled(store, Pull(model="hf.co/me/out"))


def test_the_hugging_face_cache_is_used_for_it(
    store: Store, tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = tmp_path / "hub" / "models--me--words"
    source = write_words(tmp_path / "source")
    for name, data in files_of(source).items():
        (repo / "blobs").mkdir(parents=True, exist_ok=True)
        (repo / "blobs" / sha256(data)).write_bytes(data)
        path = repo / "snapshots" / "abc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(repo / "blobs" / sha256(data))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (cached,) = find_cached(tmp_path)
    assert cached.name == "hf.co/me/words"
    assert cached.size == len(LIST)
    assert import_cached(store, cached).digest == store.add_path(source, "own").digest


def run_facts(store: Store, name: str):  # type: ignore[no-untyped-def]  # a Known
    import asyncio

    return asyncio.run(facts_of(store, name))


# -- what is bad ---------------------------------------------------------------------


def test_links_that_lead_out_are_refused(store: Store, tmp_path: Path, words: Path) -> None:
    folder = write_words(tmp_path / "small")
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (folder / "data" / "vocabulary.txt").unlink()
    (folder / "data" / "vocabulary.txt").symlink_to(secret)
    for path in (folder, folder / "config.json"):
        with pytest.raises(BadModelFile, match="is a link to a file outside") as caught:
            store.add_path(path)
        assert str(secret) in caught.value.message
    (folder / "data" / "vocabulary.txt").unlink()
    (folder / "other.txt").write_text("abc")
    (folder / "data" / "vocabulary.txt").symlink_to("../other.txt")
    assert store.add_path(folder)
    # A snapshot whose blobs are elsewhere is not a cache of the hub.
    snapshot = tmp_path / "repo" / "snapshots" / "abc"
    shutil.copytree(folder, snapshot, symlinks=True)
    (tmp_path / "repo" / "blobs").symlink_to(tmp_path)
    (snapshot / "data" / "vocabulary.txt").unlink()
    (snapshot / "data" / "vocabulary.txt").symlink_to(secret)
    with pytest.raises(BadModelFile, match="is a link to a file outside"):
        store.add_path(snapshot)


def test_pipes_are_refused(store: Store, tmp_path: Path, words: Path) -> None:
    folder = write_words(tmp_path / "small")
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    with pytest.raises(BadModelFile, match="not a regular file"):
        store.add_path(folder)


@pytest.mark.parametrize(
    "name", ["", "../x", "a/../../x", "/etc/passwd", "a//b", "a/", ".", "a\\b", "a\nb", "x" * 300]
)
def test_names_that_lead_out_never_become_paths(store: Store, name: str) -> None:
    with pytest.raises(InvalidRequest, match="not a valid name"):
        names.check(["good", name])
    with pytest.raises(InvalidRequest):
        store.blobs.view(f"sha256:{'1' * 64}", [(name, f"sha256:{'2' * 64}")])
    assert list(store.blobs.views.iterdir()) == []


@pytest.mark.parametrize("pair", [["a", "A"], ["a", "a/b"], ["x/a/b", "x/a"]])
def test_names_that_cannot_lie_together_are_refused(pair: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        names.check(pair)


def test_what_no_format_recognises_is_told_with_those_that_are_known(
    store: Store, tmp_path: Path, words: Path
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    for place in (path, tmp_path):
        with pytest.raises(
            BadModelFile, match=r"no format recognises it; known formats: .*gguf, .*words"
        ):
            store.add_path(place)
    assert store.models() == []


def test_a_folder_of_several_models_names_them(store: Store, tmp_path: Path, words: Path) -> None:
    write_words(tmp_path / "all" / "a")
    write_words(tmp_path / "all" / "b")
    with pytest.raises(InvalidRequest, match=r"2 models: a/data/list\.txt, b/data/list\.txt"):
        store.add_path(tmp_path / "all")
    assert store.add_path(tmp_path / "all" / "b" / "config.json").folder == tmp_path / "all" / "b"


def test_a_plug_in_that_cannot_be_imported_disables_only_itself(
    store: Store,
    tmp_path: Path,
    words: Path,
    install: Install,
    model_file: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    install("broken", "odd", "import no_such_library\n")
    assert store.add_path(model_file).facts.format == "gguf"
    assert caplog.messages == []  # it was not even looked at
    assert store.add_path(write_words(tmp_path / "small")).facts.format == "words"
    path = tmp_path / "x.odd"
    path.write_text("x")
    for _ in range(2):
        with pytest.raises(BadModelFile, match=r"'odd' of broken 1\.0.*no_such_library") as caught:
            store.add_path(path)
    assert caught.value.hint == "pip install --upgrade broken"
    assert len([text for text in caplog.messages if "broken" in text]) == 1
    with pytest.raises(BadPlugIn, match="no_such_library"):
        FORMATS.get("odd")


def test_two_plug_ins_of_one_name_are_refused_by_name(
    store: Store, tmp_path: Path, words: Path, install: Install
) -> None:
    for package in ("first", "second"):
        install(package, "odd", made_up(ONE, 'Facts(format="odd", abilities=["x"])'))
    path = tmp_path / "x.odd"
    path.write_text("x")
    with pytest.raises(BadModelFile, match="two format plug-ins are named 'odd'"):
        store.add_path(path)
    with pytest.raises(BadPlugIn, match=r"of (first|second) 1\.0 and of (first|second) 1\.0"):
        FORMATS.get("odd")
    assert store.add_path(write_words(tmp_path / "small")).facts.format == "words"


def test_a_name_of_ours_cannot_be_taken(install: Install, store: Store, model_file: Path) -> None:
    install("thief", "gguf", "raise SystemExit(3)\n")
    assert store.add_path(model_file).facts.architecture == "qwen3"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (made_up(ONE, "1 / 0"), "ZeroDivisionError"),
        (made_up(ONE, "None"), "failed on it"),
        (made_up(ONE, "Facts(tensor_bytes=-1)"), "negative"),
        (made_up(ONE, 'Facts(tensor_bytes="many")'), "failed on it"),
        (made_up(ONE, "Facts(abilities=[7])"), "failed on it"),
        (made_up(ONE, 'Facts(abilities=["\\x1b[2J"])'), "short words"),
        (made_up(ONE, 'Facts(template="x" * 2**21)'), "more than"),
        (made_up(ONE, "open('/nowhere')"), "nowhere"),
        (made_up("1 / 0"), "ZeroDivisionError"),
        (made_up("7"), "TypeError"),
        (made_up('[ChosenFiles("x", (("weights", "../secret"),))]'), "not there"),
        (made_up('[ChosenFiles("x", ())]'), "0 files"),
        (made_up('[ChosenFiles("x", (("config", names[0]),))]'), "weights come first"),
        ("raise SystemExit(3)", "SystemExit"),
        ("IT = 7", "calls itself"),
    ],
)
def test_whatever_a_format_does_only_its_file_is_refused(
    store: Store, tmp_path: Path, words: Path, install: Install, code: str, why: str
) -> None:
    package = f"odd{sha256(code.encode())[:8]}"
    install(package, "odd", code)
    path = tmp_path / "files" / "x.odd"
    path.parent.mkdir()
    path.write_text("x")
    with pytest.raises(Exception, match=why) as caught:
        store.add_path(path)
    assert type(caught.value).__module__ == "ingle.errors"
    assert store.add_path(write_words(tmp_path / "small")).facts.format == "words"
    assert [model.name for model in store.models()] == ["words"]


def test_plug_ins_are_asked_only_when_ours_do_not_know(
    store: Store, tmp_path: Path, install: Install, model_file: Path
) -> None:
    install("curious", "odd", made_up("(_ for _ in ()).throw(RuntimeError('asked'))"))
    shutil.copy(model_file, tmp_path / "m.gguf")
    assert find(tmp_path / "m.gguf").format.name == "gguf"
    faults: list[str] = []
    assert len(choose(["m.gguf", "config.json"], faults)) == 1
    assert faults == []
    assert choose(["config.json"], faults) == []
    assert "asked" in faults[0]


def test_a_file_that_is_gguf_by_its_bytes_needs_no_name(store: Store, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf").rename(tmp_path / "sha256-abc")
    assert store.add_path(path).facts.format == "gguf"


# -- what older versions have written ---------------------------------------------------


def test_old_records_and_new_capabilities_are_read(store: Store, tmp_path: Path) -> None:
    write_model(tmp_path / "eye.gguf")
    write_projector(tmp_path / "mmproj-eye.gguf")
    model = store.add_path(tmp_path, "eye", link=False)
    old = msgspec.to_builtins(msgspec.structs.replace(model, files=[]))
    assert "format" not in old["facts"]
    old["files"] = [
        {**msgspec.to_builtins(file), "role": role, "path": ""}
        for file, role in zip(model.files, ("weights", "mmproj"), strict=True)
    ]
    with contextlib.closing(sqlite3.connect(store.root / "index.sqlite3")) as index, index:
        index.execute("UPDATE names SET record = ?", (json.dumps(old),))
    again = store.resolve("eye")
    assert again.projector == model.projector
    assert again.capabilities == ["chat", "complete", "vision"]
    assert again.facts.format == "gguf"
    # Another node's list may speak of what this one has never heard of.
    far = {"name": "n", "digest": "d", "size": 1, "capabilities": ["transcribe"]}
    assert msgspec.convert(far, ModelSummary).capabilities == ["transcribe"]
    assert msgspec.json.decode(msgspec.json.encode(again), type=Model) == again
