"""``ingle imatrix``."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ingle.capabilities.imatrix.operation import MakeImatrix
from ingle.capabilities.jobs.cli.job_line import attend_with_line
from ingle.capabilities.quantize.client import job_name
from ingle.cli.command import options
from ingle.cli.output import Output

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("imatrix")
@click.argument("model")
@click.option(
    "--data", "-f", multiple=True, type=FILE, metavar="FILE",
    help="A text such as the model is used on; repeatable (default: one that comes with ingle).",
)  # fmt: skip
@click.option(
    "--out", "-o", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Default: imatrix-MODEL.gguf.",
)  # fmt: skip
@click.option("--in-file", type=FILE, metavar="FILE", help="An imatrix that this is added to.")
@click.option("--ctx-size", "-c", default=512, show_default=True, help="Tokens of a chunk.")
@click.option("--chunks", default=0, help="How many at most (default: all of the texts).")
@click.option("--process-output", is_flag=True, help="Look at the output matrix, too.")
@click.option("--device", default="", help="Such as cuda (default: the fastest).")
@click.option("--job", "name", default="", help="Name of the job (default: from the model).")
@click.option("--detach", is_flag=True, help="Leave it running in the background.")
@options
def imatrix_command(
    output: Output,
    model: str,
    data: tuple[Path, ...],
    out: Path | None,
    in_file: Path | None,
    ctx_size: int,
    chunks: int,
    process_output: bool,
    device: str,
    name: str,
    detach: bool,
) -> None:
    """Measure what matters most in each matrix of MODEL: ingle imatrix qwen3:8b-f16 -f texts.txt

    The model reads the texts, and the squares of what each matrix is given are summed by column.
    The file is llama.cpp's, for: ingle quantize MODEL --to TYPE --imatrix FILE
    """
    to = out or Path(f"imatrix-{model.replace('/', '-').replace(':', '-')}.gguf")
    request = MakeImatrix(
        name=name or job_name(model, "imatrix"),
        model=model,
        data=[str(file.resolve()) for file in data],
        out=str(to.expanduser().resolve()),
        added_to=str(in_file.resolve()) if in_file else "",
        ctx_size=ctx_size,
        chunks=chunks,
        process_output=process_output,
        device=device,
        detach=detach,
    )
    last = attend_with_line(output, request, model)
    if last is None:
        return
    if output.json:
        output.data(msgspec.to_builtins(last.job))
    elif last.job.state == "done":
        output.text(last.job.results["file"])
        output.note(f"try: ingle quantize {model} --to Q4_K_M --imatrix {to}")
    else:
        output.note(f"{last.job.state}; continue with: ingle jobs resume {last.job.name}")
