"""A LAN of its own: network namespaces on a bridge, with no route out."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cli.place import COMMAND, Place

_numbers = itertools.count()


def possible() -> bool:
    """Namespaces can be made here (root, and a kernel that allows it)."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"ingle-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return made.returncode == 0


class Lan:
    """Hosts on one bridge. Made for one test; `close` removes every trace."""

    def __init__(self) -> None:
        self._mark = f"i{os.getpid() % 100_000}x{next(_numbers)}"
        self._switch = f"{self._mark}-sw"
        self._hosts: list[str] = []
        self._run("ip", "netns", "add", self._switch)
        # No snooping: without an IGMP querier it would swallow multicast.
        self._in(self._switch, "ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        self._in(self._switch, "ip", "link", "set", "br0", "up")

    def host(self, folder: Path, name: str, **variables: str) -> Host:
        """A new host with its own address."""
        number = len(self._hosts) + 1
        space = f"{self._mark}-{number}"
        self._run("ip", "netns", "add", space)
        self._hosts.append(space)
        self._run(
            "ip", "link", "add", "eth0", "netns", space, "type", "veth",
            "peer", "name", f"p{number}", "netns", self._switch,
        )  # fmt: skip
        self._in(self._switch, "ip", "link", "set", f"p{number}", "master", "br0", "up")
        address = f"10.77.0.{number}"
        self._in(space, "ip", "addr", "add", f"{address}/24", "dev", "eth0")
        self._in(space, "ip", "link", "set", "lo", "up")
        self._in(space, "ip", "link", "set", "eth0", "up")
        self._in(space, "ip", "route", "add", "224.0.0.0/4", "dev", "eth0")
        home = folder / name
        home.mkdir()
        return Host(home, space, address, INGLE_DEVICE_NAME=name, **variables)

    def unplug(self, host: Host) -> None:
        """Pull a host's cable."""
        number = self._hosts.index(host.space) + 1
        self._in(self._switch, "ip", "link", "set", f"p{number}", "down")

    def close(self) -> None:
        for space in [*self._hosts, self._switch]:
            subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)

    def _in(self, space: str, *command: str) -> None:
        self._run("ip", "netns", "exec", space, *command)

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True)


class Host(Place):
    """A `Place` whose commands run in a network namespace."""

    def __init__(self, home: Path, space: str, address: str, **variables: str) -> None:
        super().__init__(home, **variables)
        self.space = space
        self.address = address
        self.router = ""
        """The address by which the public network sees it, if it is behind a NAT."""

    def python(self, program: str) -> subprocess.Popen[bytes]:
        """Run a program of a user's. Nothing it writes is buffered here: `communicate` would miss
        what a `readline` before it has read ahead."""
        return self._popen([sys.executable, "-c", program], bufsize=0)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        return self._popen([*COMMAND, *arguments], **options)

    def _popen(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        environment = {**self.environment, **options.pop("variables", {})}
        options.setdefault("cwd", self.home)
        inside = ["ip", "netns", "exec", self.space, *command]
        process = subprocess.Popen(inside, env=environment, **options)
        self._started.append(process)
        return process


class Internet(Lan):
    """A public network on which some hosts sit behind a NAT of their own (a home router).

    The routers masquerade, drop what no one inside has asked for, and keep a
    connection's port where they can ("cone" NATs, as homes have them).
    """

    def home(self, folder: Path, name: str, **variables: str) -> Host:
        """A host behind its own router."""
        router = self.host(folder, f"router-of-{name}")
        number = len(self._hosts) + 1
        space = f"{self._mark}-{number}"
        self._run("ip", "netns", "add", space)
        self._hosts.append(space)
        inside, address = f"192.168.{number}.1", f"192.168.{number}.2"
        self._run(
            "ip", "link", "add", "eth0", "netns", space, "type", "veth",
            "peer", "name", "eth1", "netns", router.space,
        )  # fmt: skip
        for command in (
            f"ip addr add {inside}/24 dev eth1",
            "ip link set eth1 up",
            "sysctl -qw net.ipv4.ip_forward=1",
            "iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE",
            "iptables -A INPUT -i eth0 -m conntrack --ctstate NEW -j DROP",
            "iptables -P FORWARD DROP",
            "iptables -A FORWARD -i eth1 -j ACCEPT",
            "iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        ):
            self._in(router.space, *command.split())
        self._in(space, "ip", "addr", "add", f"{address}/24", "dev", "eth0")
        self._in(space, "ip", "link", "set", "lo", "up")
        self._in(space, "ip", "link", "set", "eth0", "up")
        self._in(space, "ip", "route", "add", "default", "via", inside)
        home = folder / name
        home.mkdir()
        host = Host(home, space, address, INGLE_DEVICE_NAME=name, **variables)
        host.router = router.address
        return host
