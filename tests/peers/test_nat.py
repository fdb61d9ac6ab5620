"""Two devices behind home routers meet with the help of a third that both can reach."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.peers.lan import Internet, possible

pytestmark = [
    pytest.mark.skipif(
        shutil.which("iptables") is None or not possible(), reason="no routers can be made here"
    ),
    pytest.mark.timeout(150),
]


def test_a_hole_is_punched_with_the_help_of_a_third(tmp_path: Path) -> None:
    internet = Internet()
    quiet = {"INGLE_NEARBY": "false"}
    try:
        middle = internet.host(tmp_path, "middle", **quiet)
        desk = internet.home(tmp_path, "desk", **quiet)
        laptop = internet.home(tmp_path, "laptop", **quiet)
        hosts = (middle, desk, laptop)
        try:
            for host in (desk, laptop):
                code = middle.ok("peers", "invite").out.strip()
                host.ok("peers", "join", code)
            # The invite travels by other means; its address is one inside the desk's home.
            code = desk.ok("peers", "invite", "--preset", "family").out.strip()
            paired = laptop.ok("peers", "join", code)
            assert "paired with desk" in paired.out
            answer = laptop.ok("run", "ember", "--on", "desk", "What does grep -i do?")
            assert "case" in answer.out
            peers = {peer["name"]: peer for peer in laptop.ok("peers", "--ask", "--json").data}
            # It is reached at its router, which lets nothing in that no one inside has asked for.
            assert peers["desk"]["place"].startswith(f"{desk.router}:")
        finally:
            for host in hosts:
                host.close()
    finally:
        internet.close()
