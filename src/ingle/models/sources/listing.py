"""What a hub says of a repository: its files, their sizes and hashes."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class ListedFile(NamedTuple):
    """One file of a repository."""

    size: int = 0
    """Bytes; 0 if the hub does not say."""
    sha256: str = ""
    """64 hex digits, if the hub says them."""


class Listing(NamedTuple):
    """A repository at one revision."""

    revision: str
    """What the files are to be fetched at, so that they belong together."""
    files: dict[str, ListedFile]
    """By their relative names."""


class Hub(Protocol):
    """A place with repositories, and how it is spoken to."""

    @property
    def title(self) -> str:
        """What people call it."""
        ...

    @property
    def host(self) -> str:
        """By which names of models mean it, such as ``hf.co``."""
        ...

    @property
    def main(self) -> str:
        """The revision where none is named."""
        ...

    @property
    def endpoint(self) -> str:
        """URL without a slash at its end, the mirror's where one is set."""
        ...

    @property
    def token(self) -> str:
        """Who asks; empty: nobody in particular."""
        ...

    @property
    def token_variable(self) -> str:
        """The environment variable that holds the token."""
        ...

    def page(self, repo: str) -> str:
        """Where a person reads about a repository."""
        ...

    def listing_url(self, repo: str, revision: str) -> str:
        """Where the list of files is."""
        ...

    def read_listing(self, body: bytes, revision: str) -> Listing | None:
        """Understand it; None: there is no such repository or revision.

        Raises:
            one of `ingle.operations.encoded.UNREADABLE`: it is not what it should be.
        """
        ...

    def file_url(self, repo: str, revision: str, name: str) -> str:
        """Where a file's bytes are."""
        ...
