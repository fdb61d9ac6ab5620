"""Models travel between the people who have them: verified, resumable, with no hub.

Bytes come from everyone at once: paired peers (`RangeSource`, attached to
libtorrent as loopback web seeds), BitTorrent v2 peers, plain web servers.
libtorrent picks pieces and checks them; the file's SHA-256 has the last word.
`Sharing` is the whole of it for a node. Nothing here imports libtorrent, opens
a port or starts a thread before something is shared or pulled.
"""

from ingle.peers.swarm.range_source import RangeSource
from ingle.peers.swarm.sharing import Sharing

__all__ = ["RangeSource", "Sharing"]
