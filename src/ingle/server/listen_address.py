"""Where the server listens: binding, and saying who holds a port that is taken."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from pathlib import Path
from typing import NamedTuple

from ingle.errors import ConfigError, Refused
from ingle.server.security import is_loopback

BACKLOG = 2048
_LISTEN = "0A"


class Address(NamedTuple):
    """A bound address; ``port`` is the real one where 0 was asked for."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The base address for clients; an any-address is written as loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def check_exposure(host: str, token: str) -> None:
    """A server that others can reach needs a token.

    Raises:
        Refused: ``host`` is not loopback and there is no token.
    """
    if not is_loopback(host) and not token:
        raise Refused(
            f"listening on {host} would let anyone who can reach this machine use its models",
            hint="set a token (ingle serve --token ...), or listen on 127.0.0.1",
            host=host,
        )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigError: the port is taken (named: by whom, where that can be seen),
            out of range, or the host is not an address of this machine.
    """
    if not 0 <= port <= 65535:
        raise ConfigError(f"port: {port} is not between 0 and 65535", key="port")
    numeric = _numeric(host)
    family = socket.AF_INET6 if ":" in numeric else socket.AF_INET
    # The protocol is spelled out because asyncio turns Nagle's delay off only where it
    # sees it: without, each answer on a kept connection waits 40 ms for an ACK.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Lets a restart bind while old connections fade; two listeners stay impossible.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((numeric, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _refusal(host, port, error) from None
    sock.setblocking(False)
    return sock


def bound(sock: socket.socket) -> Address:
    """Where a socket really listens."""
    host, port = sock.getsockname()[:2]
    return Address(str(host), int(port))


def owner_of(port: int) -> tuple[int, str] | None:
    """The process id and command that listen on a TCP port, where the system shows them.

    Linux shows one's own processes under ``/proc``; elsewhere the answer is None.
    """
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        # Processes end while we look, and those of other users are closed to us.
        with contextlib.suppress(OSError):
            for link in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(link.readlink()) in wanted:
                        return int(process.name), _command(process)
    return None


def _refusal(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        holder = owner_of(port)
        by = f" by process {holder[0]} ({holder[1]})" if holder else ""
        return ConfigError(
            f"port {port} on {host} is already in use{by}",
            hint="choose another with --port, or use --port 0 for any free port",
            key="port",
            port=port,
            pid=holder[0] if holder else None,
        )
    if error.errno == errno.EACCES:
        return ConfigError(
            f"port {port} needs privileges that this process does not have",
            hint="choose a port above 1023",
            key="port",
        )
    return ConfigError(f"cannot listen on {host}: {error.strerror}", key="host")


def _numeric(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(f"host: {host!r} cannot be resolved: {error}", key="host") from None
    return str(found[0][4][0])


def _listening_inodes(port: int) -> set[str]:
    inodes: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _command(process: Path) -> str:
    words = (process / "cmdline").read_bytes().split(b"\0")
    text = b" ".join(word for word in words if word).decode(errors="replace")
    return text[:80] or (process / "comm").read_text().strip()
