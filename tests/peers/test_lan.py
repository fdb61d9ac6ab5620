"""Fresh nodes on a LAN without a route out find, pair, chat, pull; one finishes for another."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.place import DEADLINE_S
from tests.peers.lan import Host, Lan, possible
from tests.waiting import eventually

pytestmark = [
    pytest.mark.skipif(not possible(), reason="network namespaces cannot be made here"),
    pytest.mark.timeout(180),
]


ENDLESS = """
import ingle, json
from ingle.capabilities.chat.operation import Chat
from ingle.operations import Message, Rerouted, Sampling, Text
request = Chat(model="mine", on="desk,shed", max_tokens=900,
               sampling=Sampling(ignore_eos=True, temperature=0.0),
               messages=[Message(role="user", content="Tell me all about tar.")])
with ingle.open(otherwise="fail") as home:
    for event in home.events(request):
        if isinstance(event, Text):
            print(json.dumps(["text", event.text]), flush=True)
        if isinstance(event, Rerouted):
            print(json.dumps(["rerouted", event.was, event.to]), flush=True)
"""


@pytest.fixture
def lan() -> Iterator[Lan]:
    lan = Lan()
    yield lan
    lan.close()


def sent(host: Host) -> int:
    """Bytes of shared files that left a host, by its ledger."""
    entries = host.ok("peers", "ledger", "--json").data
    return sum(entry["bytes_out"] for entry in entries if entry["operation"] == "share")


def pair_nearby(laptop: Host, desk: Host) -> None:
    """As two people do it: one asks, both compare."""
    asking = laptop.start("peers", "pair", "desk", stdin=subprocess.PIPE)
    assert asking.stderr is not None
    assert asking.stdin is not None
    shown = b""
    while (found := re.search(rb"confirm (\d{6})", shown)) is None:
        line = asking.stderr.readline()
        assert line, shown
        shown += line
    desk.ok("peers", "confirm", found[1].decode())
    out, err = asking.communicate(b"y\n", DEADLINE_S)
    assert asking.returncode == 0, err
    assert out.startswith(b"paired with desk")


def test_two_fresh_nodes_find_pair_chat_and_pull(lan: Lan, tmp_path: Path) -> None:
    desk, laptop = lan.host(tmp_path, "desk"), lan.host(tmp_path, "laptop")
    try:
        desk.ok("cp", "ember", "mine")
        desk.ok("peers", "nearby", "--seconds", "0.5")  # the desk can be found from now on
        (found,) = laptop.ok("peers", "nearby", "--json", "--seconds", "5").data
        assert found["name"] == "desk"
        assert desk.address in found["place"]
        pair_nearby(laptop, desk)

        refused = laptop.ingle("run", "mine", "--on", "desk", "hi")
        assert refused.status == 6
        assert "ingle grant" in refused.err
        desk.ok("grant", "laptop", "--preset", "family")
        answer = laptop.ok("run", "mine", "--on", "desk", "What does grep -i do?")
        assert "case" in answer.out
        (peer,) = laptop.ok("peers", "--ask", "--json").data
        assert (peer["name"], peer["way"], peer["connected"]) == ("desk", "lan", True)
        assert "mine" in peer["models"]
        (entry, *_) = laptop.ok("peers", "ledger", "--json").data
        assert (entry["to"], entry["model"], entry["outcome"]) == ("peer:desk", "mine", "done")

        assert laptop.ingle("run", "mine", "hi").status == 3
        desk.ok("share", "mine")
        pulled = laptop.ok("pull", "mine@desk", "--json").data
        eventually(lambda: sent(desk) >= pulled["size"])  # noted when the link has ended
        assert pulled["digest"] == desk.ok("show", "mine", "--json").data["digest"]
        assert "case" in laptop.ok("run", "mine", "What does grep -i do?").out

        desk.ok("peers", "forget", "laptop")
        gone = laptop.ingle("run", "mine", "--on", "desk", "hi", "--json")
        assert gone.status == 6
        assert gone.error["code"] == "not_paired"
    finally:
        desk.close()
        laptop.close()


def join(consumer: Host, provider: Host) -> None:
    code = provider.ok("peers", "invite", "--preset", "family").out.strip()
    consumer.ok("peers", "join", code)


@pytest.mark.extras
def test_three_at_once_and_a_sentence_finished_by_another(lan: Lan, tmp_path: Path) -> None:
    providers = [lan.host(tmp_path, name) for name in ("desk", "shed", "attic")]
    laptop = lan.host(tmp_path, "laptop")
    try:
        for provider in providers:
            provider.ok("cp", "ember", "mine")
            provider.ok("share", "mine")
            join(laptop, provider)
        laptop.ok("pull", "mine")
        desk, shed, _ = providers
        served = {
            host.ok("share", "--json").data["shares"][0]["uploaded"] > 0 for host in providers
        }
        assert served == {True}
        laptop.ok("rm", "mine")

        node = desk.ok("ps", "--json").data
        asked = laptop.python(ENDLESS)
        assert asked.stdout is not None
        said = asked.stdout.readline()  # in mid-sentence
        os.kill(node["pid"], signal.SIGKILL)
        out, err = asked.communicate(timeout=60)
        assert asked.returncode == 0, err
        pieces = [json.loads(line) for line in (said + out).splitlines()]
        assert pieces.count(["rerouted", "peer:desk", "peer:shed"]) == 1
        words = [piece for piece in pieces if piece[0] == "text"]
        assert 800 <= len(words) <= 900
        assert shed.ok("grants", "--json").data[0]["requests_today"] == 1
        outcomes = [entry["outcome"] for entry in laptop.ok("peers", "ledger", "--json").data]
        assert outcomes[:2] == ["done", "peer_lost"]
    finally:
        for host in (*providers, laptop):
            host.close()


def test_a_cut_network_leaves_what_is_local_working(lan: Lan, tmp_path: Path) -> None:
    desk, laptop = lan.host(tmp_path, "desk"), lan.host(tmp_path, "laptop")
    try:
        join(laptop, desk)
        lan.unplug(desk)
        lost = laptop.ingle("run", "ember", "--on", "desk", "hi", "--json")
        assert lost.status == 5
        assert lost.error["code"] in ("peer_lost", "peer_unreachable")
        assert laptop.ok("run", "ember", "hi").out.strip()
        assert desk.ok("run", "ember", "hi").out.strip()
    finally:
        desk.close()
        laptop.close()
