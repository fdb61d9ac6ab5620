"""``ingle serve``: starts, says where, and ends when it is told."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .place import Place, ended


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.close()


def url_of(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    return next(word for word in line.split() if word.startswith("http://"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_and_ends_cleanly(own: Place, number: int) -> None:
    process = own.start("serve", "--port", "0")
    url = url_of(process)
    assert httpx.get(f"{url}/healthz").status_code == 200
    # Other commands use its node.
    assert own.ok("ps", "--json").data["pid"] == process.pid
    end = ended(process, number)
    assert (end.status, end.err) == (0, "")
    assert own.ok("ps", "--json").data is None


def test_it_serves_the_node_that_runs_already(own: Place) -> None:
    own.ok("list")
    running = own.ok("ps", "--json").data["pid"]
    process = own.start("serve", "--port", "0", "--context", "512")
    assert process.stderr is not None
    assert b"ingle stop --node" in process.stderr.readline()
    assert httpx.get(f"{url_of(process)}/v1/models").status_code == 200
    assert ended(process, signal.SIGTERM).status == 0
    assert own.ok("ps", "--json").data["pid"] == running


def test_stopping_the_node_stops_the_server_that_hosts_it(own: Place) -> None:
    process = own.start("serve", "--port", "0")
    url = url_of(process)
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert "stopping" in own.ok("stop", "--node").err
    assert ended(process).status == 0
    assert own.ok("ps", "--json").data is None


def test_a_taken_port_is_said(own: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = own.ingle("serve", "--port", port)
    assert refused.status in (1, 2)
    assert port in refused.err
    assert "try:" in refused.err
    assert "Traceback" not in refused.err


def test_beyond_this_machine_only_with_a_token(own: Place) -> None:
    refused = own.ingle("serve", "--host", "0.0.0.0", "--port", "0", "--json")
    assert refused.status == 6
    assert "token" in refused.error["hint"].lower()
    process = own.start("serve", "--host", "0.0.0.0", "--port", "0", variables={"INGLE_TOKEN": "t"})
    url = url_of(process).replace("0.0.0.0", "127.0.0.1")
    assert httpx.get(f"{url}/v1/models").status_code == 401
    mine = {"Authorization": "Bearer t"}
    assert httpx.get(f"{url}/v1/models", headers=mine).status_code == 200
    assert ended(process, signal.SIGTERM).status == 0


def test_what_a_refusal_says_lets_the_client_in(own: Place) -> None:
    editor = {"origin": "vscode-webview://1f2e3d"}
    process = own.start("serve", "--port", "0")
    refused = httpx.get(f"{url_of(process)}/v1/models", headers=editor)
    assert refused.status_code == 403
    program, *command = refused.json()["error"]["hint"].split()
    assert (program, command[:2]) == ("ingle", ["config", "set"])
    assert ended(process, signal.SIGTERM).status == 0
    own.ok(*command)
    process = own.start("serve", "--port", "0")
    assert httpx.get(f"{url_of(process)}/v1/models", headers=editor).status_code == 200
    assert ended(process, signal.SIGTERM).status == 0
    own.ok("config", "set", "clients", "https://")
    nothing = own.ingle("serve", "--port", "0", "--json")
    assert nothing.status != 0
    assert "clients" in nothing.error["message"]


def test_the_bounds_of_connections_are_settings(own: Place) -> None:
    own.ok("config", "set", "http_header_count", "8")
    own.ok("config", "set", "http_header_bytes", "4KiB")
    process = own.start("serve", "--port", "0")
    url = url_of(process)
    assert httpx.get(f"{url}/healthz").status_code == 200
    many = httpx.get(f"{url}/healthz", headers={f"x-{at}": "a" for at in range(9)})
    assert many.status_code == 431
    assert "http_header_count" in many.text
    assert httpx.get(f"{url}/healthz", headers={"x": "a" * 5000}).status_code == 431
    assert ended(process, signal.SIGTERM).status == 0


def test_no_bound_can_be_turned_off(own: Place) -> None:
    for name in ("http_header_timeout", "http_keep_alive", "http_body_bytes", "http_header_bytes"):
        refused = own.ingle("config", "set", name, "0")
        assert refused.status == 2
        assert f"{name} (" in refused.err
        assert "more than 0" in refused.err
