"""Commands of `ingle.capabilities.store`."""
