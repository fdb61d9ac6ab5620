"""Commands of `ingle.capabilities.chat`."""
