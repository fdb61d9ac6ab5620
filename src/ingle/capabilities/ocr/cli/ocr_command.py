"""``ingle ocr``: images and PDFs to text, Markdown, JSON, hOCR, ALTO, and PDFs to search in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ingle.capabilities.ocr.cli.document_writing import DocumentWriting
from ingle.capabilities.ocr.cli.readable_files import PDF, found, targets
from ingle.capabilities.ocr.operation import USUAL_DPI
from ingle.cli.command import flags, options, run
from ingle.cli.named_files import files_or_stdin
from ingle.cli.output import Output
from ingle.errors import InvalidRequest
from ingle.pages.page_formats import FORMATS


@click.command("ocr")
@click.argument("files", nargs=-1, metavar="FILE|FOLDER|-...")
@click.option("--model", "-m", default="", help="Model (default: the setting ocr_model).")
@click.option(
    "--format", "-f", "form", type=click.Choice([*FORMATS, PDF]), default="text",
    show_default=True, help="How pages are written; pdf: one in which text can be found.",
)  # fmt: skip
@click.option(
    "--output", "-o", "place", default="", metavar="PATH",
    help="Write to a file, or for several documents a file for each into a folder.",
)  # fmt: skip
@click.option("--pages", default="", metavar="LIST", help="Which ones, such as 1-3,7,9- .")
@click.option(
    "--lang", "-l", "languages", default="", metavar="CODES",
    help="Expected languages, such as eng+deu, for models that ask.",
)  # fmt: skip
@click.option(
    "--text-layer", type=click.Choice(["auto", "never", "only"]), default="auto",
    show_default=True, help="Take text that is in a PDF as text already.",
)  # fmt: skip
@click.option(
    "--dpi", type=int, default=USUAL_DPI, show_default=True, help="At which PDFs are drawn."
)
@click.option("--password", default="", help="Of an encrypted PDF.")
@click.option("--resume", is_flag=True, help="Leave out documents whose output is there.")
@click.option("--on", default="", metavar="PLACE", help="A paired device that is to do it.")
@options
def ocr_command(
    output: Output,
    files: tuple[str, ...],
    form: str,
    place: str,
    languages: str,
    resume: bool,
    **asked: Any,
) -> None:
    """Read the text of images and PDFs: files, folders of them, or - for stdin.

    Pages are written as they are read; progress goes to stderr. With --output, the same command
    continues after a kill with the pages that are still missing.

    \b
    ingle ocr scan.png
    ingle ocr contract.pdf -f pdf -o contract-with-text.pdf
    ingle ocr letters/ -f markdown -o texts/
    """
    if not files:
        raise InvalidRequest("no document was given", hint="ingle ocr scan.png", field="files")
    if output.json and form != PDF:
        form = "json"
    asked["languages"] = [code for code in languages.replace(",", "+").split("+") if code]
    with files_or_stdin(files, found) as documents:
        folders = any(Path(name).is_dir() for name in files)
        places = targets(documents, place, form, folders=folders)
        _check(form, places)

        async def work() -> None:
            from ingle.client.home import open_async

            async with open_async(otherwise="background", **flags()) as home:
                for document, path in zip(documents, places, strict=True):
                    if not (resume and path is not None and path.exists()):
                        await DocumentWriting(output, home, document, form, dict(asked)).into(path)

        run(work)


def _check(form: str, places: Sequence[Path | None]) -> None:
    if form == PDF and None in places and (len(places) > 1 or sys.stdout.isatty()):
        raise InvalidRequest(
            "output: a PDF is written to a file", hint="ingle ocr FILE -f pdf -o FILE.pdf",
            field="output",
        )  # fmt: skip
    if form in ("hocr", "alto") and None in places and len(places) > 1:
        raise InvalidRequest(
            f"output: {form} of several documents is written to a folder",
            hint=f"ingle ocr FILE FILE -f {form} -o FOLDER",
            field="output",
        )
