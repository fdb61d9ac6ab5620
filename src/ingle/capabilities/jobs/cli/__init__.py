"""Commands of `ingle.capabilities.jobs`."""
