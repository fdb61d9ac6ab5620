"""`FullModel`: a model all of whose weights were trained, on its way to GGUF."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ingle.engines.llama.tensor_codec import Values
from ingle.errors import BadModelFile
from ingle.models.gguf import Tensor
from ingle.training.architecture import Architecture
from ingle.training.hugging_face import from_transformers, name_of
from ingle.training.merging import MergedModel


class FullModel(MergedModel):
    """The weights of a Hugging Face folder with the metadata of their base.

    Raises:
        BadModelFile: a tensor of the base is not there.
    """

    def __init__(self, folder: Path, base: Path, model: str, notes: dict[str, str]) -> None:
        from safetensors import safe_open

        super().__init__(base, [], model)
        self._architecture = Architecture.of(self.header)
        self._notes = {f"ingle.{key}": text for key, text in notes.items()}
        self._files = {
            name: file
            for file in sorted(folder.glob("*.safetensors"))
            for name in safe_open(file, "np").keys()  # type: ignore[no-untyped-call]  # noqa: SIM118
        }
        for tensor in self.header.tensors:
            name = name_of(tensor.name, self._architecture)
            if name is not None and name not in self._files:
                raise BadModelFile(f"{folder} has no {name}, which the base has", path=str(folder))

    @property
    def provenance(self) -> dict[str, str]:
        return self._notes

    def tensors(self) -> Iterator[tuple[Tensor, bool]]:
        for tensor in self.header.tensors:
            yield tensor, name_of(tensor.name, self._architecture) is not None

    def values(self, tensor: Tensor) -> Values:
        from safetensors import safe_open

        name = name_of(tensor.name, self._architecture)
        if name is None:
            return super().values(tensor)
        with safe_open(self._files[name], "np") as file:
            found = file.get_tensor(name).astype("float32")
        rows = found.reshape(-1, int(tensor.shape[0]))
        return from_transformers(tensor.name, rows, self._architecture)
