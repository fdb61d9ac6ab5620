"""Bounds on documents that are ZIP files, looked at before anything in them is unpacked."""

from __future__ import annotations

import zipfile

from ingle.documents.document_file import DocumentFile
from ingle.errors import InvalidRequest

MOST_BYTES = 512 << 20
"""Of all that is in a file, unpacked."""
MOST_FILES = 20_000
MOST_RATIO = 200
"""Of unpacked to packed bytes, for what is larger than `SMALL`: documents pack by 10 or 20."""
SMALL = 16 << 20


def check_zip(document: DocumentFile) -> None:
    """Refuse what would fill the memory.

    Raises:
        InvalidRequest: it is not a ZIP file, or there is too much in it.
    """
    try:
        with zipfile.ZipFile(document.path) as file:
            entries = file.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InvalidRequest(
            f"{document.name} is damaged, or not what its name says ({error})"
        ) from None
    size = sum(entry.file_size for entry in entries)
    packed = max(1, document.path.stat().st_size)
    if (
        len(entries) > MOST_FILES
        or size > MOST_BYTES
        or (size > SMALL and size / packed > MOST_RATIO)
    ):
        raise InvalidRequest(
            f"{document.name} would unpack to {len(entries)} files of {size / 2**20:,.0f} MiB: "
            "it is refused"
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise InvalidRequest(f"{document.name} is encrypted: it opens with a password alone")
