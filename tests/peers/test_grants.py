"""Grants: what holds, what does not, and that no one gets more than was granted."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.node.operation import Load, Shutdown
from ingle.capabilities.peers.operation import GrantPeer, Grants, ListGrants, RevokeGrant
from ingle.capabilities.store.operation import ListModels, Models
from ingle.errors import (
    ContextLengthExceeded,
    GrantExhausted,
    GrantRefused,
    InvalidRequest,
    NotFound,
)
from ingle.operations import Done
from ingle.peers import grants
from ingle.peers.grant_store import GrantStore
from ingle.peers.grants import Grant
from ingle.peers.identity import Identity
from ingle.peers.meter import UsageMeter
from ingle.peers.monotonic_clock import MonotonicClock
from ingle.peers.peer_database import PeerDatabase
from ingle.testing.virtual_time import elapse
from tests.peers.devices import Device, Street, drain

PROVIDER, FRIEND, COUSIN = (Identity.generate(name) for name in ("provider", "friend", "cousin"))
NOW = 1_800_000_000.0


def grant(issuer: Identity = PROVIDER, subject: Identity = FRIEND, **bounds: Any) -> Grant:
    bounds = {"capabilities": ("chat",), "begins": NOW - 60, **bounds}
    return Grant(id=grants.new_id(), issuer=issuer.key, subject=subject.key, **bounds)


def test_a_grant_holds_for_its_subject_in_its_time() -> None:
    chain = [grants.sign(grant(ends=NOW + 10), PROVIDER)]
    assert grants.check_chain(chain, PROVIDER.key, FRIEND.key, NOW)
    for provider, subject, now in (
        (PROVIDER, COUSIN, NOW),
        (FRIEND, FRIEND, NOW),
        (PROVIDER, FRIEND, NOW + 10),
        (PROVIDER, FRIEND, NOW - 61),
    ):
        with pytest.raises(GrantRefused):
            grants.check_chain(chain, provider.key, subject.key, now)


@given(st.data())
def test_no_byte_of_a_grant_can_be_changed(data: Any) -> None:
    signed = grants.sign(grant(), PROVIDER)
    whole = bytearray(grants.pack([signed]))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(GrantRefused):
        grants.check_chain(grants.unpack(bytes(whole)), PROVIDER.key, FRIEND.key, NOW)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_chain(data: bytes) -> None:
    with pytest.raises(GrantRefused):
        grants.check_chain(grants.unpack(data), PROVIDER.key, FRIEND.key, NOW)


def test_one_may_not_sign_for_another() -> None:
    body = msgspec.msgpack.encode(grant())
    forged = grants.SignedGrant(body, COUSIN.sign(grants.CONTEXT + body))
    with pytest.raises(GrantRefused, match="altered"):
        grants.check_chain([forged], PROVIDER.key, FRIEND.key, NOW)


WIDE = {
    "capabilities": ("chat", "embed"),
    "models": ("qwen*", "ember"),
    "collections": ("work-*",),
    "tokens_per_day": 1000,
    "concurrent": 2,
    "max_tokens": 100,
    "ends": NOW + 100,
    "passes": 1,
}


def chain_of(wide: dict[str, Any], narrow: dict[str, Any]) -> list[grants.SignedGrant]:
    first = grant(**wide)
    second = grant(FRIEND, COUSIN, **{"parent": first.id, **narrow})
    return [grants.sign(first, PROVIDER), grants.sign(second, FRIEND)]


def test_a_grant_is_passed_on_narrower() -> None:
    narrow = {**WIDE, "passes": 0, "models": ("qwen3*",), "tokens_per_day": 10, "ends": NOW + 50}
    assert grants.check_chain(chain_of(WIDE, narrow), PROVIDER.key, COUSIN.key, NOW)
    narrow["collections"] = ("work-1",)
    found = grants.check_chain(chain_of(WIDE, narrow), PROVIDER.key, COUSIN.key, NOW)
    assert [grants.reads(found, name) for name in ("work-1", "work-2", "diary")] == [
        True, False, False,
    ]  # fmt: skip
    none = grants.check_chain(chain_of(WIDE, {**narrow, "collections": msgspec.UNSET}),
                              PROVIDER.key, COUSIN.key, NOW)  # fmt: skip
    assert not grants.reads(none, "work-1")


@pytest.mark.parametrize(
    "wider",
    [
        {"capabilities": ("chat", "pull")},
        {"models": ("*",)},
        {"models": ("qwen*", "llama")},
        {"collections": ("*",)},
        {"collections": ("work-1", "diary")},
        {"tokens_per_day": 0},
        {"tokens_per_day": 1001},
        {"concurrent": 3},
        {"max_tokens": 0},
        {"ends": 0.0},
        {"ends": NOW + 101},
        {"passes": 1},
        {"begins": NOW - 61},
        {"parent": "0" * 16},
    ],
)
def test_a_grant_is_never_passed_on_wider(wider: dict[str, Any]) -> None:
    narrow = {**WIDE, "passes": 0, **wider}
    with pytest.raises(GrantRefused):
        grants.check_chain(chain_of(WIDE, narrow), PROVIDER.key, COUSIN.key, NOW)


def test_a_grant_that_does_not_say_so_is_not_passed_on() -> None:
    wide = {**WIDE, "passes": 0}
    with pytest.raises(GrantRefused, match="delegated"):
        grants.check_chain(chain_of(wide, wide), PROVIDER.key, COUSIN.key, NOW)


@given(
    st.lists(st.sampled_from(["chat", "embed", "pull"]), unique=True),
    st.lists(st.sampled_from(["*", "qwen*", "qwen3", "ember"]), min_size=1),
    st.sampled_from([0, 10, 20]),
    st.sampled_from(["chat", "embed", "pull"]),
    st.sampled_from(["qwen3", "qwen2", "ember", "other"]),
)
def test_what_a_chain_allows_its_first_grant_allows(
    capabilities: list[str], models: list[str], tokens: int, capability: str, model: str
) -> None:
    """However a grant was passed on: nothing is allowed that the provider did not allow."""
    narrow = {"capabilities": tuple(capabilities), "models": tuple(models),
              "tokens_per_day": tokens, "ends": NOW + 50}  # fmt: skip
    try:
        found = grants.check_chain(chain_of(WIDE, narrow), PROVIDER.key, COUSIN.key, NOW)
    except GrantRefused:
        return
    if grants.allowed(found, capability, model):
        assert grants.allowed(found[:1], capability, model)
    assert 0 < grants.tightest(found, "tokens_per_day") <= 1000


# -- the meter ---------------------------------------------------------------


class Bench:
    """A meter with clocks of its own."""

    def __init__(self, database: PeerDatabase | None = None) -> None:
        self.wall, self.monotonic = NOW, 0.0
        self.database = database or PeerDatabase(None)
        self.clock = MonotonicClock(self.database, lambda: self.wall)
        self.meter = UsageMeter(self.database, self.clock, lambda: self.monotonic)


def test_use_is_counted_by_the_engine_and_renews_each_day() -> None:
    bench, given = Bench(), grant(tokens_per_day=100)
    admission = bench.meter.admit([given], "tokens", 10, None)
    assert admission.answer == 90
    admission.close(42)
    assert bench.meter.left(given) == 58
    bench.wall += 86400
    assert bench.meter.left(given) == 100
    bench.wall -= 86400
    assert bench.meter.left(given) == 100, "the clock was set back: nothing renews by it"


def test_two_who_race_for_the_last_tokens_do_not_both_get_them() -> None:
    bench, given = Bench(), grant(tokens_per_day=100)
    first = bench.meter.admit([given], "tokens", 10, 50)
    second = bench.meter.admit([given], "tokens", 10, 50)
    assert (first.answer, second.answer) == (50, 30)
    with pytest.raises(GrantExhausted) as refused:
        bench.meter.admit([given], "tokens", 10, 50)
    assert refused.value.details["left"] == 0
    assert refused.value.details["renews"] > NOW
    first.close(15)
    assert bench.meter.admit([given], "tokens", 10, 50).answer == 35


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 60), st.integers(0, 60))))
def test_whatever_is_asked_the_day_is_never_exceeded(
    requests: list[tuple[int, int, int]],
) -> None:
    """Admissions overlap in any way; answers take at most what they were given."""
    bench, given = Bench(), grant(tokens_per_day=200)
    under_way = []
    for prompt, answer, used in requests:
        try:
            admission = bench.meter.admit([given], "tokens", prompt, answer)
        except GrantExhausted:
            continue
        under_way.append((admission, prompt + min(used, admission.answer or 0)))
        if len(under_way) > 3:
            ended, tokens = under_way.pop(0)
            ended.close(tokens)
        assert bench.meter.used(given).tokens <= 200
    for admission, tokens in under_way:
        admission.close(tokens)
    assert bench.meter.used(given).tokens <= 200


def test_a_crash_counts_what_was_noted(tmp_path: Any) -> None:
    path = tmp_path / "peers.sqlite3"
    given = grant(tokens_per_day=1000)
    bench = Bench(PeerDatabase(path))
    admission = bench.meter.admit([given], "tokens", 10, None)
    for piece in range(130):
        admission.note(10 + piece + 1)
    # no close: the process is gone
    again = Bench(PeerDatabase(path))
    assert again.meter.used(given).tokens == 10 + 128
    assert again.meter.left(given) == 1000 - 138


def test_rate_and_concurrency() -> None:
    bench, given = Bench(), grant(requests_per_minute=2, concurrent=1)
    first = bench.meter.admit([given], "tokens", 1, 1)
    with pytest.raises(GrantExhausted, match="at once"):
        bench.meter.admit([given], "tokens", 1, 1)
    first.close(2)
    bench.meter.admit([given], "tokens", 1, 1).close(2)
    with pytest.raises(GrantExhausted, match="minute"):
        bench.meter.admit([given], "tokens", 1, 1)
    bench.monotonic += 60
    bench.meter.admit([given], "tokens", 1, 1).close(2)


def test_revoked_grants_are_gone() -> None:
    database = PeerDatabase(None)
    grant_store = GrantStore(database, lambda: PROVIDER, MonotonicClock(database, lambda: NOW))
    chain = grant_store.give(FRIEND.key, capabilities=("chat",))
    assert grant_store.permissions(FRIEND.key, [])
    grant_store.revoke(grants.read(chain[0]).id)
    assert not grant_store.permissions(FRIEND.key, [chain])
    with pytest.raises(NotFound):
        grant_store.revoke("ffff")


def test_a_grant_that_makes_no_sense() -> None:
    database = PeerDatabase(None)
    grant_store = GrantStore(database, lambda: PROVIDER, MonotonicClock(database, lambda: NOW))
    for bounds in ({"capabilities": ("rule",)}, {"capabilities": ("chat",), "concurrent": -1}):
        with pytest.raises(InvalidRequest):
            grant_store.give(FRIEND.key, **bounds)


# -- between devices ---------------------------------------------------------


async def paired(street: Street, **more: Any) -> tuple[Device, Device]:
    desk, laptop = await street.device("desk"), await street.device("laptop", models={})
    await laptop.pair(desk, preset="")
    if more:
        await desk.ask(GrantPeer(peer="laptop", **more), Grants)
        await elapse(1)
    return desk, laptop


def test_being_paired_allows_nothing(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await paired(street)
        with pytest.raises(GrantRefused) as refused:
            await laptop.recite("desk")
        assert "ingle grant" in refused.value.hint
        assert desk.local.performed == []

    tell(story)


def test_what_was_not_granted_is_refused_before_any_work(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await paired(
            street, capabilities=["chat"], models=["poet"], context=2000, max_tokens=5
        )
        desk.local.models["other"] = "sha256:o"
        with pytest.raises(GrantRefused, match="embed"):
            await laptop.ask(Embed(model="poet", inputs=["x"], on="desk"), Embedded)
        with pytest.raises(GrantRefused, match="not granted you the model"):
            await laptop.recite("desk", model="other")
        with pytest.raises(ContextLengthExceeded):
            await laptop.recite("desk", context=4000)
        assert desk.local.performed == []
        assert (await laptop.recite("desk", max_tokens=100)).words == 5
        assert desk.local.performed[0][0] == laptop.peer_service.identity.key.hex()

    tell(story)


def test_no_field_of_a_guest_is_more_than_its_grant(tell: Any) -> None:
    """Embeds and reranks, too; all choices of an answer together."""

    async def story(street: Street) -> None:
        desk, laptop = await paired(
            street, capabilities=["chat", "embed"], context=2000, max_tokens=60
        )
        await laptop.ask(
            Embed(model="poet", inputs=["x"], on="desk", keep_alive=-1, token_limit=10**6), Embedded
        )
        with pytest.raises(ContextLengthExceeded, match="a context of 4000 was requested"):
            await laptop.ask(Embed(model="poet", inputs=["x"], on="desk", context=4000), Embedded)
        await laptop.recite("desk", n=4, max_tokens=60, keep_alive=-1, cache_scope="desk's")
        with pytest.raises(GrantRefused, match="n: 61 choices were requested"):
            await laptop.recite("desk", n=61)
        embed, chat = (operation for _, operation in desk.local.performed)
        assert embed == Embed(model="poet", inputs=["x"], on="local")
        assert isinstance(chat, Chat)
        assert (chat.n, chat.max_tokens) == (4, 15)
        assert (chat.keep_alive, chat.cache_scope) == (None, "")

    tell(story)


@pytest.mark.parametrize("operation", [ListModels(), Shutdown(), Load(model="poet"), ListGrants()])
def test_the_owners_business_is_nobody_elses(tell: Any, operation: Any) -> None:
    async def story(street: Street) -> None:
        _, laptop = await paired(street, preset="family")
        session = await laptop.peer_service.dialer.session(
            laptop.peer_service.address_book.find("desk")
        )
        with pytest.raises(GrantRefused, match="owner"):
            await drain(session.connection, operation)

    tell(story)


def test_a_day_ends_in_the_middle_of_an_answer(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await paired(street, capabilities=["chat"], tokens_per_day=60)
        first = await laptop.recite("desk")
        assert 0 < first.words < 60

        async def on_and_on() -> None:
            for _ in range(5):
                await laptop.recite("desk")

        with pytest.raises(GrantExhausted) as refused:
            await on_and_on()
        assert "renews" in refused.value.hint
        used = (await desk.ask(ListGrants(), Grants)).grants[0].used_today
        assert used <= 60

    tell(story)


def test_two_devices_race_for_the_last_tokens(tell: Any) -> None:
    async def story(street: Street) -> None:
        _, laptop = await paired(street, capabilities=["chat"], tokens_per_day=120)
        ended = await asyncio.gather(
            *(laptop.recite("desk", max_tokens=50) for _ in range(6)), return_exceptions=True
        )
        words = sum(end.words for end in ended if not isinstance(end, BaseException))
        assert 50 <= words <= 120
        assert any(isinstance(end, GrantExhausted) for end in ended)

    tell(story)


def test_a_grant_that_is_taken_back_ends_what_continues(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await paired(street, preset="family")
        desk.local.pace_s = 0.1
        going = asyncio.create_task(laptop.recite("desk"))
        await elapse(2)
        (given,) = (await desk.ask(ListGrants(), Grants)).grants
        await desk.ask(RevokeGrant(grant=given.id), Done)
        with pytest.raises(GrantRefused, match="was revoked"):
            await going
        assert desk.local.under_way == 0
        with pytest.raises(GrantRefused):
            await laptop.recite("desk")

    tell(story)


def test_a_grant_that_was_passed_on_is_shown_and_metered(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, friend = await street.device("desk"), await street.device("friend", models={})
        cousin = await street.device("cousin", models={})
        await friend.pair(desk, preset="")
        await cousin.pair(friend, preset="")
        wide = GrantPeer(peer="friend", capabilities=["chat"], tokens_per_day=200, passes=1)
        await desk.ask(wide, Grants)
        await elapse(1)
        (held,) = (await friend.ask(ListGrants(peer="desk"), Grants)).grants
        narrow = GrantPeer(peer="cousin", capabilities=["chat"], tokens_per_day=90, of=held.id)
        await friend.ask(narrow, Grants)
        await elapse(1)
        # The cousin knows the desk's key from the grant; where it is, its owner says.
        cousin.peer_service.address_book.add(
            desk.peer_service.identity.key, "desk", (desk.transport.place,), 0.0
        )
        recital = await cousin.recite("desk")
        assert 0 < recital.words < 90

        async def the_rest() -> None:
            await cousin.recite("desk", max_tokens=90)
            await cousin.recite("desk", max_tokens=90)

        with pytest.raises(GrantExhausted):
            await the_rest()
        assert desk.peer_service.address_book.get(cousin.peer_service.identity.key) is None
        await desk.ask(RevokeGrant(grant=held.id), Done)
        with pytest.raises(Exception, match="does not know"):
            await cousin.recite("desk")

    tell(story)


def test_an_altered_grant_opens_nothing(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, crook = await street.device("desk"), await street.device("crook", models={})
        other = Identity.generate("other")
        forged = grants.sign(
            Grant(
                id=grants.new_id(),
                issuer=other.key,
                subject=crook.peer_service.identity.key,
                capabilities=("chat",),
                begins=0.0,
            ),
            other,
        )
        crook.peer_service.database.run(
            "INSERT INTO grant_held VALUES (?, ?, ?)",
            "f" * 16, desk.peer_service.identity.key, grants.pack([forged, forged]),
        )  # fmt: skip
        crook.peer_service.address_book.add(
            desk.peer_service.identity.key, "desk", (desk.transport.place,), 0.0
        )
        with pytest.raises(Exception, match="does not know"):
            await crook.recite("desk")
        assert desk.local.performed == []

    tell(story)


def test_no_preset_of_that_name(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, _ = await paired(street)
        for request in (GrantPeer(peer="laptop", preset="king"), GrantPeer(peer="laptop")):
            with pytest.raises(InvalidRequest):
                await desk.ask(request, Grants)

    tell(story)


def test_models_of_peers_are_listed(tell: Any) -> None:
    async def story(street: Street) -> None:
        _, laptop = await paired(street, preset="family")
        names = [m.name for m in (await laptop.ask(ListModels(peers=True), Models)).models]
        assert names == ["poet@desk"]

    tell(story)


def test_a_grant_of_a_later_version_costs_only_itself() -> None:
    """A limit that is not known here may be the one that matters, so the grant is passed over."""
    database = PeerDatabase(None)
    grant_store = GrantStore(database, lambda: FRIEND, MonotonicClock(database, lambda: NOW))
    known = grants.sign(grant(), PROVIDER)
    body = {**msgspec.msgpack.decode(known.body), "id": "later00000000000", "per_moon": 3}
    later = msgspec.msgpack.encode(body)
    signed = grants.SignedGrant(later, PROVIDER.sign(grants.CONTEXT + later))
    grant_store.hold(PROVIDER.key, [[signed], [known]])
    assert grant_store.held() == grant_store.held(PROVIDER.key) == [[known]]


@pytest.mark.parametrize(("peering", "told"), [(1, 1), (2, 2), (3, 3)])
def test_an_older_peer_is_told_of_the_grants_that_it_can_read(peering: int, told: int) -> None:
    plain = [grants.sign(grant(), PROVIDER)]
    newer = [grants.sign(grant(per_day={"audio_s": 60}), PROVIDER)]
    newest = [grants.sign(grant(collections=("notes",)), PROVIDER)]
    assert sum(grants.readable(chain, peering) for chain in (plain, newer, newest)) == told
