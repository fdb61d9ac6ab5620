from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ingle.capabilities.store.operation import Pull
from ingle.errors import InvalidRequest, ModelNotFound, Unauthorized
from ingle.models import Store
from ingle.models.pull import pull
from ingle.models.quantization import quant_of
from ingle.models.remote import facts_of
from ingle.models.sources import HubSource
from ingle.operations import Ability, Progress

from .hub import COMMIT, Hub
from .pulling import pulled
from .weights import Shape, write_model, write_projector, write_shards


@pytest.fixture
def quants(tmp_path: Path) -> dict[str, bytes]:
    """Files that differ, under the names that repositories give them."""
    files = {}
    for seed, quant in enumerate(["Q2_K", "Q8_0", "Q4_K_M", "BF16", "UD-Q4_K_XL"]):
        path = write_model(tmp_path / f"{seed}.gguf", Shape(layers=1), seed=seed)
        files[f"Some-Model-{quant}.gguf"] = path.read_bytes()
    return {"README.md": b"# Some model", **files}


@pytest.mark.parametrize(
    ("model", "file", "name"),
    [
        ("hf.co/me/Some-Model-GGUF", "Q4_K_M", "hf.co/me/Some-Model-GGUF"),
        ("hf.co/me/Some-Model-GGUF:latest", "Q4_K_M", "hf.co/me/Some-Model-GGUF"),
        ("hf.co/me/Some-Model-GGUF:q8_0", "Q8_0", "hf.co/me/Some-Model-GGUF:q8_0"),
        ("huggingface.co/me/Some-Model-GGUF:BF16", "BF16", "hf.co/me/Some-Model-GGUF:BF16"),
        (
            "hf.co/me/Some-Model-GGUF/Some-Model-Q2_K.gguf",
            "Q2_K",
            "hf.co/me/Some-Model-GGUF:Q2_K",
        ),
        (
            "https://huggingface.co/me/Some-Model-GGUF/resolve/main/Some-Model-Q8_0.gguf?download=1",
            "Q8_0",
            "hf.co/me/Some-Model-GGUF:Q8_0",
        ),
        (
            f"https://hf.co/me/Some-Model-GGUF/blob/{COMMIT}/Some-Model-UD-Q4_K_XL.gguf",
            "UD-Q4_K_XL",
            "hf.co/me/Some-Model-GGUF:UD-Q4_K_XL",
        ),
    ],
)
def test_the_right_file_is_chosen(
    store: Store, hub: Hub, quants: dict[str, bytes], model: str, file: str, name: str
) -> None:
    hub.publish("me/Some-Model-GGUF", quants)
    summary = pulled(store, Pull(model=model))
    assert summary.name == name
    assert store.resolve(name).path.read_bytes() == quants[f"Some-Model-{file}.gguf"]
    assert hub.cdn.sent == len(quants[f"Some-Model-{file}.gguf"]) + 1


def test_without_the_usual_quantisations_the_next_best_is_taken(
    store: Store, hub: Hub, quants: dict[str, bytes]
) -> None:
    del quants["Some-Model-Q4_K_M.gguf"]
    hub.publish("me/m", quants)
    pulled(store, Pull(model="hf.co/me/m"))
    assert store.resolve("hf.co/me/m").path.read_bytes() == quants["Some-Model-Q8_0.gguf"]


def test_a_name_of_ones_own(store: Store, hub: Hub, quants: dict[str, bytes]) -> None:
    hub.publish("me/m", quants)
    assert pulled(store, Pull(model="mine", source="hf.co/me/m:Q8_0")).source == "hf.co/me/m:Q8_0"
    assert store.resolve("mine").path.read_bytes() == quants["Some-Model-Q8_0.gguf"]


def test_the_same_bytes_are_fetched_once(store: Store, hub: Hub, quants: dict[str, bytes]) -> None:
    hub.publish("me/m", quants)
    pulled(store, Pull(model="hf.co/me/m:Q8_0"))
    sent = hub.cdn.sent
    pulled(store, Pull(model="other", source="hf.co/me/m/Some-Model-Q8_0.gguf"))
    assert hub.cdn.sent == sent


def test_a_missing_quantisation_lists_those_that_are(
    store: Store, hub: Hub, quants: dict[str, bytes]
) -> None:
    hub.publish("me/m", quants)
    with pytest.raises(ModelNotFound) as caught:
        pulled(store, Pull(model="hf.co/me/m:Q6_K"))
    assert "BF16, Q2_K, Q4_K_M, Q8_0, UD-Q4_K_XL" in caught.value.message
    assert caught.value.hint == "ingle pull hf.co/me/m:BF16"
    with pytest.raises(ModelNotFound, match=r"has no x\.gguf"):
        pulled(store, Pull(model="hf.co/me/m/x.gguf"))
    with pytest.raises(ModelNotFound, match=r"has no README\.md"):
        pulled(store, Pull(model="hf.co/me/m/README.md"))
    hub.publish("me/torch", {"model.safetensors": b"x"})
    with pytest.raises(ModelNotFound, match=r"no GGUF file.*known formats: .*gguf"):
        pulled(store, Pull(model="hf.co/me/torch"))


def test_shards_and_projector_come_together(store: Store, hub: Hub, tmp_path: Path) -> None:
    files = {f"Q8_0/{path.name}": path.read_bytes() for path in write_shards(tmp_path, 3, "v-Q8_0")}
    projector = write_projector(tmp_path / "mmproj-v-f16.gguf").read_bytes()
    hub.publish("me/v", {**files, "mmproj-v-f32.gguf": b"x", "mmproj-v-f16.gguf": projector})
    pulled(store, Pull(model="hf.co/me/v"))
    model = store.resolve("hf.co/me/v")
    weights = [path.read_bytes() for path in model.paths[:-1]]
    assert weights == list(files.values())
    assert model.path.name == "model-00001-of-00003.gguf"
    assert model.projector is not None
    assert model.projector.read_bytes() == projector
    assert Ability.VISION in model.capabilities
    assert model.facts.shards == 3


def test_an_interrupted_pull_of_shards_keeps_the_finished_ones(
    store: Store, hub: Hub, tmp_path: Path
) -> None:
    paths = write_shards(tmp_path, 3)
    hub.publish("me/v", {path.name: path.read_bytes() for path in paths})

    async def until_the_third() -> None:
        events = pull(store, Pull(model="hf.co/me/v"))
        async for event in events:
            if isinstance(event, Progress) and event.name == paths[2].name:
                await events.aclose()

    hub.cdn.files[f"/me/v/{paths[2].name}"].piece_s = 0.2
    asyncio.run(until_the_third())
    assert len(list(store.blobs.all())) == 2
    assert store.disk_usage().partial >= sum(path.stat().st_size for path in paths[:2])
    assert store.prune().files == []
    hub.cdn.files[f"/me/v/{paths[2].name}"].piece_s = 0
    sent = hub.cdn.sent
    pulled(store, Pull(model="hf.co/me/v"))
    # The interrupted request may still have counted a little after we left it.
    fetched = hub.cdn.sent - sent
    assert fetched < paths[2].stat().st_size + paths[0].stat().st_size
    assert store.disk_usage().partial == 0


def test_prune_of_partials_deletes_finished_shards_of_a_dead_pull(
    store: Store, hub: Hub, tmp_path: Path
) -> None:
    paths = write_shards(tmp_path, 2)
    hub.publish("me/v", {path.name: path.read_bytes() for path in paths})
    hub.cdn.files.pop(f"/me/v/{paths[1].name}")
    with pytest.raises(ModelNotFound):
        pulled(store, Pull(model="hf.co/me/v"))
    assert len(list(store.blobs.all())) == 1
    assert store.prune(partials=True).bytes == paths[0].stat().st_size
    assert list(store.blobs.all()) == []


def test_gated_repositories_say_what_to_do(
    store: Store, hub: Hub, quants: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish("me/m", quants)
    hub.gated["me/m"] = "hf_secret"
    with pytest.raises(Unauthorized) as caught:
        pulled(store, Pull(model="hf.co/me/m"))
    assert "HF_TOKEN" in caught.value.hint
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(Unauthorized) as caught:
        pulled(store, Pull(model="hf.co/me/m"))
    assert "hf_wrong" not in f"{caught.value.to_data()}"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    pulled(store, Pull(model="hf.co/me/m"))
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(Unauthorized, match="does not exist"):
        pulled(store, Pull(model="hf.co/me/nothing"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with pytest.raises(ModelNotFound, match="no repository me/nothing"):
        pulled(store, Pull(model="hf.co/me/nothing"))


def test_the_token_goes_to_the_hub_and_nowhere_else(
    store: Store, hub: Hub, quants: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.publish("me/m", quants)
    pulled(store, Pull(model="hf.co/me/m"))
    assert {headers["authorization"] for _, headers in hub.requests} == {"Bearer hf_secret"}
    assert hub.cdn.requests
    assert all("authorization" not in headers for _, headers in hub.cdn.requests)


def test_a_link_that_ran_out_is_asked_for_again(
    store: Store, hub: Hub, quants: dict[str, bytes]
) -> None:
    hub.publish("me/m", quants)
    hub.cdn.files["/me/m/Some-Model-Q4_K_M.gguf"].failures = [0, 403]
    pulled(store, Pull(model="hf.co/me/m"))
    assert store.resolve("hf.co/me/m").path.read_bytes() == quants["Some-Model-Q4_K_M.gguf"]


def test_a_listing_that_is_none(store: Store, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.publish("me/m", {})
    monkeypatch.setattr(hub, "_listing", lambda _repo: {"siblings": "none"})
    with pytest.raises(Exception, match="invalid list of files"):
        pulled(store, Pull(model="hf.co/me/m"))


def test_facts_before_a_download_cost_only_the_header(
    store: Store, hub: Hub, tmp_path: Path
) -> None:
    shape = Shape(layers=4, embedding=256, feed_forward=2048)
    path = write_model(tmp_path / "m.gguf", shape)
    hub.publish("me/m", {"m-Q4_K_M.gguf": path.read_bytes()})
    assert path.stat().st_size > 4 << 20
    name, facts, sizes = asyncio.run(facts_of(store, "hf.co/me/m"))
    assert sizes == {"weights": path.stat().st_size}
    assert name == "hf.co/me/m"
    assert facts.layers == 4
    assert hub.cdn.sent <= (1 << 20) + 16_384
    assert list(store.blobs.all()) == []
    pulled(store, Pull(model="hf.co/me/m"))
    sent = hub.cdn.sent
    assert asyncio.run(facts_of(store, "hf.co/me/m")) == ("hf.co/me/m", facts, sizes)
    assert hub.cdn.sent == sent


@pytest.mark.parametrize("ranges", [True, False])
def test_a_header_larger_than_the_first_piece(
    store: Store, hub: Hub, tmp_path: Path, ranges: bool
) -> None:
    path = write_model(
        tmp_path / "m.gguf", Shape(layers=1), extra={f"k{n}": "x" * 900_000 for n in range(3)}
    )
    hub.publish("me/m", {"m.gguf": path.read_bytes()})
    hub.cdn.files["/me/m/m.gguf"].ranges = ranges
    _, facts, _ = asyncio.run(facts_of(store, "hf.co/me/m"))
    assert facts.layers == 1


@pytest.mark.parametrize("text", ["hf.co", "hf.co/owner", "hf.co/../x", "hf.co/o/r/../x.gguf"])
def test_bad_repositories(text: str) -> None:
    with pytest.raises(InvalidRequest):
        HubSource.parse(text, "")


@pytest.mark.parametrize(
    ("stem", "quant"),
    [
        ("Qwen3-0.6B-Q8_0", "Q8_0"),
        ("model.Q4_K_M", "Q4_K_M"),
        ("x-UD-IQ2_XXS", "UD-IQ2_XXS"),
        ("gpt-oss-20b-mxfp4", "mxfp4"),
        ("llama-f16", "f16"),
        ("Q8_0", "Q8_0"),
        ("bitnet-TQ1_0", "TQ1_0"),
        ("mistral-7b-v0.3", ""),
        ("faq8", ""),
    ],
)
def test_quantisations_are_read_from_file_names(stem: str, quant: str) -> None:
    assert quant_of(stem) == quant
