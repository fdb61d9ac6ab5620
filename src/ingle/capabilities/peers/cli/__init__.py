"""Commands of `ingle.capabilities.peers`."""
