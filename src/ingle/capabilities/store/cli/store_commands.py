"""``ingle pull``, ``import``, ``list``, ``show``, ``cp``, ``rm``: the models of the store."""

from __future__ import annotations

import time

import click

from ingle.capabilities.store.operation import ModelDetails, ModelSummary
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, age, amount, size
from ingle.errors import Cancelled, InvalidRequest


@click.command("pull")
@click.argument("model", default="")
@click.option("-hf", "--hf", "repo", default="", metavar="REPO", help="A Hugging Face repository.")
@click.option("--from", "source", default="", metavar="SOURCE", help="Path or URL to fetch from.")
@click.option("--sha256", default="", help="Expected SHA-256 of the file.")
@options
def pull_command(output: Output, model: str, repo: str, source: str, sha256: str) -> None:
    """Fetch a model; continues where it was interrupted.

    \b
    ingle pull qwen3:8b                        a well-known name: ingle recommend lists them
    ingle pull qwen3:8b-q8_0                   the same with another quantisation
    ingle pull Qwen/Qwen3-8B-GGUF:Q4_K_M       a repository of Hugging Face; also -hf REPO
    ingle pull modelscope.cn/Qwen/Qwen3-8B-GGUF
    ingle pull https://example.org/model.gguf
    ingle pull ./model.gguf
    ingle pull mine --from ./model.gguf
    """
    if not model and not repo:
        raise InvalidRequest("no model was named", hint="ingle recommend", field="model")
    if repo:
        model, source = (model, f"hf.co/{repo}") if model else (f"hf.co/{repo}", source)

    replaced: list[str] = []

    async def pull() -> ModelSummary:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            with output.progress() as progress:
                return await home.pull(
                    model,
                    source=source,
                    sha256=sha256,
                    on_progress=progress.show,
                    on_replaced=replaced.append,
                )

    try:
        summary = run(pull)
    except Cancelled:
        output.note(f"\nthe partial download is kept; resume with: ingle pull {model}")
        raise
    if output.json:
        output.data(summary)
    else:
        output.text(f"{summary.name}  {summary.digest}")
        for note in summary.notes:
            output.note(note)
    for digest in replaced:
        output.note(
            f"{summary.name} was another model before ({digest[:19]}); to free its files: "
            "ingle prune"
        )


@click.command("import")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Import everything found.")
@options
def import_command(output: Output, names: tuple[str, ...], everything: bool) -> None:
    """Use models of Ollama, LM Studio or the Hugging Face cache where they lie.

    Without a name: list what is there. Nothing is copied.
    """
    from ingle.models.sources.caches import find_cached

    found = find_cached()
    if not names and not everything:
        if output.json:
            rows = [{"name": c.name, "program": c.program, "size": c.size} for c in found]
            output.data(rows)
        elif not found:
            output.note("no models of Ollama, LM Studio or Hugging Face were found")
        else:
            output.table(
                ("NAME", "SIZE", "FROM"), [(c.name, size(c.size), c.program) for c in found]
            )
        return

    async def bring() -> list[ModelSummary]:
        from ingle.client.home import open_async

        chosen = [cached.name for cached in found] if everything else list(names)
        async with open_async(otherwise="background", **flags()) as home:
            with output.progress() as progress:
                return [await home.pull(name, on_progress=progress.show) for name in chosen]

    summaries = run(bring)
    if output.json:
        output.data(summaries)
    for summary in () if output.json else summaries:
        output.text(f"{summary.name}  {summary.digest}")


@click.command("list")
@options
def list_command(output: Output) -> None:
    """List models."""

    async def ask() -> list[ModelSummary]:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.models()

    models = run(ask)
    if output.json:
        output.data(models)
        return
    rows = [
        (
            model.name,
            model.digest.removeprefix("sha256:")[:12],
            size(model.size),
            amount(model.parameters),
            model.quantization,
            ",".join(model.capabilities),
            f"{age(time.time() - model.added)} ago" if model.added else model.source,
        )
        for model in models
    ]
    output.table(("NAME", "DIGEST", "SIZE", "PARAMS", "QUANT", "CAN", "ADDED"), rows)


@click.command("show")
@click.argument("model")
@click.option("--template", is_flag=True, help="Print only the chat template.")
@click.option("--modelfile", is_flag=True, help="Print only a Modelfile, for Ollama.")
@click.option("--metadata", is_flag=True, help="Also print the file's metadata.")
@options
def show_command(
    output: Output, model: str, template: bool, modelfile: bool, metadata: bool
) -> None:
    """Show details of a model."""

    async def ask() -> ModelDetails:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await home.show(model)

    details = run(ask)
    from ingle.wire.ollama.modelfile import modelfile as as_modelfile
    from ingle.wire.ollama.ollama_options import written

    if output.json:
        output.data(details)
        return
    if template:
        output.text(details.template)
        return
    if modelfile:
        output.text(as_modelfile(details).rstrip())
        return
    mix = ", ".join(f"{count} x {kind}" for kind, count in details.quant_mix.items())
    heads = f"{details.heads} ({details.heads_kv} for keys and values)"
    output.pairs(
        [
            ("name", details.name),
            ("digest", details.digest),
            ("source", details.source),
            ("format", details.format),
            ("architecture", details.architecture),
            ("parameters", amount(details.parameters) if details.parameters else ""),
            ("size", size(details.size)),
            ("quantisation", f"{details.quantization} ({mix})" if details.quantization else ""),
            ("context", f"{details.context_length} tokens" if details.context_length else ""),
            ("layers", str(details.layers or "")),
            ("embedding", str(details.embedding_length or "")),
            ("heads", heads if details.heads else ""),
            ("vocabulary", str(details.vocabulary or "")),
            ("capabilities", ", ".join(details.capabilities)),
            ("licence", details.licence),
            ("description", details.description),
            ("template", f"sha256:{details.template_sha256}" if details.template_sha256 else ""),
            ("made from", details.base),
            ("system", details.defaults.system),
            *(("parameter", f"{name} {value}") for name, value in written(details.defaults)),
            *(("message", f"{turn.role}: {turn.text}") for turn in details.defaults.messages),
            *(("adapter", path) for path in details.adapters),
            *((f"{kind} prefix", repr(text)) for kind, text in details.prefixes.items()),
            *(("file", name) for name in details.files),
            *(("note", note) for note in details.notes),
        ]
    )
    if metadata:
        output.text("")
        output.pairs([(name, str(value)) for name, value in details.metadata.items()])


@click.command("cp")
@click.argument("model")
@click.argument("to")
@options
def cp_command(output: Output, model: str, to: str) -> None:
    """Copy a model to another name. No bytes are copied."""

    async def ask() -> None:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            await home.copy(model, to)

    run(ask)
    output.note(f"{to} is {model}")


@click.command("rm")
@click.argument("models", nargs=-1, required=True)
@options
def rm_command(output: Output, models: tuple[str, ...]) -> None:
    """Forget models; their bytes go with the last name."""

    async def ask() -> None:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            for model in models:
                await home.remove(model)
                output.note(f"{model} was removed")

    run(ask)
