"""What plug-in authors and our own tests use: an echo engine, and a contract for engines."""

from ingle.testing.contract import check_engine

__all__ = ["check_engine"]
