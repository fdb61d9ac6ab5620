"""`EmbeddedModels`: the models that come with the package, as models of a store."""

from __future__ import annotations

from ingle.errors import InvalidRequest
from ingle.models import formats
from ingle.models.embedded import embedded_files
from ingle.models.format import WEIGHTS
from ingle.models.local_files import LocalFiles
from ingle.models.model import EMBEDDED, Model
from ingle.models.ref import ModelRef


class EmbeddedModels:
    """Reads and hashes each file once, and again if it has changed.

    Args:
        files: hashes files, and remembers the hashes.
    """

    def __init__(self, files: LocalFiles) -> None:
        self._files = files
        self._read: dict[tuple[str, int, int], Model] = {}

    def all(self) -> dict[str, Model]:
        """The models by the key of their name."""
        found = {}
        for name, path in embedded_files().items():
            ref, stat = ModelRef.parse(name), path.stat()
            stamp = (str(path), stat.st_size, stat.st_mtime_ns)
            if stamp not in self._read:
                form = formats.of_files([(WEIGHTS, path.name)], path)
                file = self._files.hashed(path, WEIGHTS, path.name)
                self._read[stamp] = Model(
                    name=ref.short,
                    digest=file.digest,
                    files=[file],
                    facts=formats.read(form, [(WEIGHTS, path)]),
                    source=EMBEDDED,
                )
            found[ref.key] = self._read[stamp]
        return found

    def check(self, ref: ModelRef) -> None:
        """A name that may be given to another model, or taken away.

        Raises:
            InvalidRequest: it is that of an embedded one.
        """
        if ref.key in self.all():
            raise InvalidRequest(
                f"{ref.short} is part of ingle and cannot be removed or replaced",
                hint="choose another name",
                field="model",
            )
