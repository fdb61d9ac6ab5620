"""How far a session reaches: no further than its audience says."""

from __future__ import annotations

import pytest

from ingle.peers.swarm.torrent_session import SwarmScope, TorrentSession

pytestmark = pytest.mark.anyio


async def settings_of(reach: SwarmScope) -> dict[str, object]:
    session = TorrentSession(reach)
    await session.open()
    try:
        assert session._session is not None
        return {**session._session.get_settings(), "port": session._session.listen_port()}
    finally:
        await session.close()


async def test_a_private_session_listens_nowhere_and_announces_nothing() -> None:
    found = await settings_of(SwarmScope())
    assert found["port"] == 0
    for way in ("enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp"):
        assert found[way] is False


async def test_the_lan_means_no_dht_and_no_router() -> None:
    found = await settings_of(SwarmScope(listen="127.0.0.1:0", lan=True))
    assert found["port"] != 0
    assert found["enable_lsd"] is True
    for way in ("enable_dht", "enable_upnp", "enable_natpmp", "enable_outgoing_utp"):
        assert found[way] is False


async def test_a_dht_only_by_the_nodes_that_are_named() -> None:
    found = await settings_of(SwarmScope(listen="127.0.0.1:0", dht=["127.0.0.1:1"]))
    assert found["enable_dht"] is True
    assert found["dht_bootstrap_nodes"] == "127.0.0.1:1"
    assert found["prefer_rc4"] is True


async def test_guards_are_on_and_nobody_else_is_asked() -> None:
    found = await settings_of(SwarmScope())
    assert found["ssrf_mitigation"] is True
    assert found["ban_web_seeds"] is True
    assert found["disable_hash_checks"] is False
    assert found["webtorrent_stun_server"] == ""
    assert found["dht_bootstrap_nodes"] == ""


async def test_an_address_that_cannot_be_had_is_told() -> None:
    session = TorrentSession(SwarmScope(listen="192.0.2.1:0"))
    await session.open()
    assert session.port == 0
    await session.close()
