"""``ingle engine``: which engines there are, and installing others."""
