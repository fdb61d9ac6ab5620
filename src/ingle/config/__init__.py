"""Settings: what there is to set, and where each value comes from."""

from ingle.config.settings import Settings, Upstream
from ingle.config.sources import Origin, load, user_file, write

__all__ = ["Origin", "Settings", "Upstream", "load", "user_file", "write"]
