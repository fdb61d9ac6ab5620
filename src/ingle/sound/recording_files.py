"""Which files are taken for recordings, where no one says."""

from __future__ import annotations

ENDINGS = frozenset(
    [
        "3gp", "aac", "ac3", "aif", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "flac", "flv",
        "m4a", "m4b", "m4v", "mka", "mkv", "mov", "mp2", "mp3", "mp4", "mpeg", "mpg", "mpga", "oga",
        "ogg", "ogv", "opus", "ts", "tta", "w64", "wav", "webm", "wma", "wmv", "wv",
    ]
)  # fmt: skip
"""Of their names, in small letters; of videos, too."""
