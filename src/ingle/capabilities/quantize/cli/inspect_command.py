"""``ingle inspect``: what is in a model's file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingle.capabilities.store.operation import ModelDetails
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from ingle.quantize.tensor_files import TensorFile

SHOWN = 40
"""Tensors in a table, unless all are asked for."""


@click.command("inspect")
@click.argument("file")
@click.option("--diff", "other", default="", metavar="FILE", help="What is different in this one.")
@click.option("--values", is_flag=True, help="Also look at the numbers: size, outliers, NaN.")
@click.option("--all", "whole", is_flag=True, help="List every tensor.")
@options
def inspect_command(output: Output, file: str, other: str, values: bool, whole: bool) -> None:
    """Show the tensors of FILE (GGUF or safetensors, or a model's name), and what it wastes."""
    from ingle.quantize.tensor_files import opened

    found = opened(_path(file))
    if other:
        _show_differences(output, found, opened(_path(other)))
        return
    data = _described(found, values)
    if output.json:
        output.data(data)
        return
    tensors = data["tensors"]
    shown = tensors if whole else tensors[:SHOWN]
    columns = ["TENSOR", "SHAPE", "TYPE", "BYTES"]
    rows = [[t["name"], _shape(t["shape"]), t["type"], f"{t['bytes']:,}"] for t in shown]
    if values:
        columns += ["RMS", "OUTLIER", "NOT A NUMBER"]
        for row, tensor in zip(rows, shown, strict=True):
            seen = tensor["values"]
            row += (
                [f"{seen['rms']:.4g}", f"{seen['outlier']:.1f}", str(seen["strange"])]
                if seen
                else ["-", "-", "-"]
            )
    output.table(columns, rows)
    if len(shown) < len(tensors):
        output.note(f"{len(tensors) - len(shown)} more; --all lists them")
    _show_summary(output, data)


def _described(file: TensorFile, values: bool) -> dict[str, Any]:
    from ingle.quantize import inspection

    size = sum(tensor.size for tensor in file.tensors)
    elements = sum(tensor.elements for tensor in file.tensors)
    same = inspection.duplicates(file)
    tensors = []
    for tensor in file.tensors:
        row: dict[str, Any] = {
            "name": tensor.name, "shape": list(tensor.shape), "type": tensor.type,
            "bytes": tensor.size,
        }  # fmt: skip
        if values:
            figures = inspection.figures(tensor)
            row["values"] = figures._asdict() if figures is not None else None
        tensors.append(row)
    return {
        "file": str(file.path), "format": file.format, "kind": file.kind, "bytes": file.size,
        "parameters": elements, "bits_per_weight": size * 8 / elements if elements else 0.0,
        "beside_tensors": file.size - size,
        "types": {
            kind: {"tensors": count, "bytes": total}
            for kind, (count, total) in inspection.types(file).items()
        },
        "duplicates": [[tensor.name for tensor in alike] for alike in same],
        "duplicate_bytes": sum(alike[0].size * (len(alike) - 1) for alike in same),
        "tensors": tensors,
    }  # fmt: skip


def _show_summary(output: Output, data: dict[str, Any]) -> None:
    mib = data["bytes"] / 2**20
    output.text("")
    output.text(
        f"{data['format']} {data['kind']}: {len(data['tensors'])} tensors, "
        f"{data['parameters']:,} parameters, {mib:,.1f} MiB, "
        f"{data['bits_per_weight']:.2f} bits per weight"
    )
    for kind, each in data["types"].items():
        output.text(f"  {kind}: {each['tensors']} tensors, {each['bytes'] / 2**20:,.1f} MiB")
    for names in data["duplicates"]:
        output.text(f"the same bytes: {', '.join(names)}")
    if data["duplicate_bytes"]:
        output.text(f"{data['duplicate_bytes'] / 2**20:,.1f} MiB are there more than once")


def _show_differences(output: Output, one: TensorFile, other: TensorFile) -> None:
    from ingle.quantize import inspection

    found = list(inspection.differences(one, other))
    if output.json:
        output.data({"differences": [each._asdict() for each in found]})
        return
    if not found:
        output.text("all tensors are the same")
        return
    output.table(
        ["TENSOR", "WHAT", "A", "B", "ERROR"],
        [
            [
                each.name, each.what, each.one, each.other,
                "-" if each.error is None else f"{each.error:.3%}",
            ]
            for each in found
        ],
    )  # fmt: skip


def _shape(sides: list[int]) -> str:
    return "x".join(map(str, sides)) or "1"


def _path(file: str) -> Path:
    """A file, or the first one of a model of the store."""
    path = Path(file).expanduser()
    if path.is_dir():
        raise InvalidRequest(f"{path} is a folder", hint="name a file in it", field="file")
    if path.exists():
        return path
    if file.startswith((".", "/", "~")) or path.suffix in (".gguf", ".safetensors"):
        raise NotFound(f"{file}: no such file", path=file)
    details = run(lambda: _details(file))
    return Path(details.files[0])


async def _details(model: str) -> ModelDetails:
    from ingle.client.home import open_async

    async with open_async(otherwise="background", **flags()) as home:
        return await home.show(model)
