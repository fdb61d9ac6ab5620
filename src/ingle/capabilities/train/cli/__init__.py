"""Commands of `ingle.capabilities.train`."""
