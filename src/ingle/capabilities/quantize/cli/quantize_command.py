"""``ingle quantize``."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ingle.capabilities.jobs.cli.job_line import attend_with_line
from ingle.capabilities.quantize.client import job_name
from ingle.capabilities.quantize.operation import QuantizeModel
from ingle.capabilities.store.operation import ModelDetails
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.errors import InvalidRequest
from ingle.operations.job_events import JobEnded


@click.command("quantize")
@click.argument("model")
@click.option("--to", metavar="TYPE", help="Q4_K_M, Q5_K_M, Q6_K, Q8_0, IQ4_XS, ... (see below).")
@click.option("--name", "made", default="", help="Of the new model (default: MODEL and the type).")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write a file in place of a model of the store.",
)  # fmt: skip
@click.option(
    "--imatrix", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="What of each matrix matters most, in llama.cpp's format.",
)  # fmt: skip
@click.option("--pure", is_flag=True, help="All matrices get the type itself.")
@click.option("--leave-output-tensor", is_flag=True, help="Leave output.weight as it is.")
@click.option("--output-tensor-type", default="", metavar="TYPE", help="Of output.weight.")
@click.option("--token-embedding-type", default="", metavar="TYPE", help="Of the embeddings.")
@click.option(
    "--tensor-type", "tensor_types", multiple=True, metavar="REGEX=TYPE",
    help="Of tensors in whose names REGEX is found, such as 'ffn_down=Q5_K'.",
)  # fmt: skip
@click.option("--allow-requantize", is_flag=True, help="MODEL may be quantised already.")
@click.option("--threads", "-t", default=0, help="Default: one per processor.")
@click.option("--dry-run", is_flag=True, help="Only say how large it would be.")
@click.option("--job", "name", default="", help="Name of the job (default: from the model).")
@click.option("--detach", is_flag=True, help="Leave it running in the background.")
@options
def quantize_command(
    output: Output,
    model: str,
    to: str | None,
    made: str,
    out: Path | None,
    imatrix: Path | None,
    pure: bool,
    leave_output_tensor: bool,
    output_tensor_type: str,
    token_embedding_type: str,
    tensor_types: tuple[str, ...],
    allow_requantize: bool,
    threads: int,
    dry_run: bool,
    name: str,
    detach: bool,
) -> None:
    """Make a model with fewer bits: ingle quantize qwen3:8b-f16 --to Q4_K_M

    The file is what llama-quantize would write, tensor for tensor, and runs wherever GGUF does. It
    can be stopped with Ctrl-C or killed: ingle jobs resume continues it. Types, from large to
    small: F32 F16 BF16, Q8_0, Q6_K, Q5_K_M Q5_K_S Q5_1 Q5_0, Q4_K_M Q4_K_S Q4_1 Q4_0 IQ4_NL IQ4_XS
    MXFP4_MOE, Q3_K_L Q3_K_M Q3_K_S IQ3_M IQ3_S IQ3_XS IQ3_XXS, Q2_K Q2_K_S IQ2_M IQ2_S IQ2_XS
    IQ2_XXS, IQ1_M IQ1_S, TQ2_0 TQ1_0, Q1_0. Those from IQ3_XS down need an --imatrix.
    """
    if not to:
        raise InvalidRequest(
            "--to is required: the type that the model is to have",
            hint=f"ingle quantize {model} --to Q4_K_M", field="to",
        )  # fmt: skip
    request = QuantizeModel(
        name=name or job_name(model, to),
        model=model,
        to=to,
        made=made,
        out=str(out.expanduser().resolve()) if out else "",
        imatrix=str(imatrix.expanduser().resolve()) if imatrix else "",
        pure=pure,
        leave_output_tensor=leave_output_tensor,
        output_tensor_type=output_tensor_type,
        token_embedding_type=token_embedding_type,
        tensor_types=[_tensor_type(given) for given in tensor_types],
        allow_requantize=allow_requantize,
        threads=threads,
        detach=detach,
    )
    if dry_run:
        _say_size(output, request)
        return
    last = attend_with_line(output, request, model)
    if last is not None:
        _tell(output, last)


def _tensor_type(given: str) -> tuple[str, str]:
    pattern, found, kind = given.rpartition("=")
    if not found or not pattern or not kind:
        raise InvalidRequest(
            f"--tensor-type {given!r} is not REGEX=TYPE", hint="--tensor-type ffn_down=Q5_K",
            field="tensor_types",
        )  # fmt: skip
    return pattern, kind


def _tell(output: Output, last: JobEnded) -> None:
    if output.json:
        output.data(msgspec.to_builtins(last.job))
        return
    results = last.job.results
    if last.job.state != "done":
        output.note(f"{last.job.state}; continue with: ingle jobs resume {last.job.name}")
    elif "model" in results:
        output.text(results["model"])
        output.note(f"try: ingle run {results['model']}")
    else:
        output.text(results["file"])


def _say_size(output: Output, request: QuantizeModel) -> None:
    from ingle.quantize.file_quantization import Quantization
    from ingle.quantize.file_types import file_type
    from ingle.quantize.imatrix_file import read_imatrix
    from ingle.quantize.tensor_layout import options_of

    kind = file_type(request.to)
    details = run(lambda: _details(request.model))
    planned = Quantization(
        Path(details.files[0]),
        kind,
        imatrix=read_imatrix(Path(request.imatrix)) if request.imatrix else None,
        options=options_of(request),
        requantize=request.allow_requantize,
    )
    size, bits = planned.layout.size, planned.bits_per_weight
    if output.json:
        kinds = {plan.tensor.name: plan.kind for plan in planned.tensors}
        output.data({"bytes": size, "bits_per_weight": bits, "type": kind, "tensors": kinds})
        return
    for note in planned.notes:
        output.note(note)
    output.text(f"{size:,} bytes ({size / 2**20:,.1f} MiB), {bits:.2f} bits per weight")


async def _details(model: str) -> ModelDetails:
    from ingle.client.home import open_async

    async with open_async(otherwise="background", **flags()) as home:
        return await home.show(model)
