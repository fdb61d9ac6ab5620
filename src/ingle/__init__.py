"""ingle: the local-first, peer-to-peer AI stack."""
