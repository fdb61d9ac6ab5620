"""Draws the layers as a picture, off the contract that `make layers` checks.

Run by ``generate.py``; a test compares the picture with what this would draw.
"""

from __future__ import annotations

import html
import tomllib
from pathlib import Path
from typing import NamedTuple

from ingle.operations import registry

ROOT = Path(__file__).parents[1]
WIDTH = 920
BAR, GAP, LEFT, TOP = 40, 8, 40, 84
NAME = 128
CHIP = 20
FONT = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
GROUPS = {
    "callers": ("#dbeafe", "#1e3a8a", ("cli", "server", "client")),
    "what can be asked": ("#fde68a", "#78350f", ("capabilities",)),
    "who does it": (
        "#dcfce7",
        "#14532d",
        ("quantize", "training", "collections", "peers", "jobs", "node"),
    ),
    "with what": (
        "#fee2e2",
        "#7f1d1d",
        ("engines", "models", "protocol", "pages", "documents", "sound", "pictures", "translation"),
    ),
    "words for it": (
        "#e5e7eb",
        "#1f2937",
        (
            "operations",
            "config",
            "private_folders",
            "temporary_folders",
            "file_lock",
            "database",
            "plugins",
            "errors",
        ),
    ),
}
SHORT = {
    "cli": "the commands; one output sink",
    "server": "HTTP: OpenAI, Ollama and Anthropic dialects (translated by wire)",
    "client": "ingle.open() and open_async(): the node's methods for Python",
    "training": "LoRA on GGUF by torch or Vulkan; TRL in an environment of its own",
    "quantize": "files of models in fewer bits, tensor for tensor as llama.cpp's",
    "collections": "documents of one's own: passages, vectors, words; searched in milliseconds",
    "peers": "pairing, grants, delegation, the swarm; encrypted from device to device",
    "jobs": "long work: followed, paused, resumed, compared",
    "node": "this machine: routes, admission by memory, scheduler, blobs, ledger",
    "engines": "workers in a sandbox, a process for each model: llama, upstream, plug-ins",
    "documents": "files as headings, paragraphs, tables and code; in workers",
    "sound": "recordings to samples and back, who speaks when, text made speakable; in workers",
    "pictures": "picture files to pixels and back, bounded before they are decoded; in workers",
    "pages": "how lines of text stand, in what order they are read, how pages are written; pure",
    "translation": "what of a text is language, its sentences, documents; in workers",
    "models": "the store, pulls, formats, GGUF headers; every byte verified by hash",
    "protocol": "frames over any byte stream: workers, local sockets, peers",
    "operations": "typed requests, events, costs; the registry of capabilities",
    "config": "settings, and where each came from",
    "private_folders": "what is to be closed to other users, and is",
    "temporary_folders": "folders that go with the process that made them",
    "file_lock": "a lock between processes that dies with its holder",
    "database": "SQLite files that outlive a crash, a full disk and damage",
    "plugins": "tables of things by name: ours, and those of plug-ins",
    "errors": "one tree: code, what, why, the command that fixes it",
}


class Layer(NamedTuple):
    """One bar of the picture."""

    name: str
    fill: str
    ink: str


def layers() -> list[str]:
    """The layers top to bottom, as import-linter checks them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    found = next(c["layers"] for c in contracts["contracts"] if c["type"] == "layers")
    names = [name for bar in found for name in bar.split(" | ")]
    return [name.removeprefix("ingle.") for name in names]


def picture() -> str:
    """The picture as SVG."""
    colours = {n: (fill, ink) for fill, ink, names in GROUPS.values() for n in names}
    bars = [Layer(name, *colours[name]) for name in layers()]
    chips = list(registry.built_in())
    parts: list[str] = []
    y = TOP
    for bar in bars:
        height = BAR + (2 * (CHIP + 6) if bar.name == "capabilities" else 0)
        parts += _bar(bar, y, height)
        if bar.name == "capabilities":
            parts += _chips(chips, y + 36, bar.ink)
        y += height + GAP
    bottom = y - GAP
    head = [
        _text(LEFT, 30, "ingle: who may import whom", size=20, weight=700),
        _text(
            LEFT, 54, "A layer imports only what is below it. A capability is a slice through "
            "all of them, in one folder.", size=13,
        ),
        f'<path d="M20 {TOP + 4}V{bottom - 10}" stroke="#6b7280" stroke-width="2" fill="none"/>',
        f'<path d="M14 {bottom - 14}L20 {bottom - 2}L26 {bottom - 14}Z" fill="#6b7280"/>',
    ]  # fmt: skip
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 20}" '
        f'font-family="{FONT}" role="img" aria-label="The layers of ingle, top to bottom">\n'
        f'<rect width="{WIDTH}" height="{bottom + 20}" fill="#ffffff"/>\n'
        + "\n".join(head + parts)
        + "\n</svg>\n"
    )


def _bar(bar: Layer, y: int, height: int) -> list[str]:
    width = WIDTH - LEFT - 20
    said = SHORT.get(bar.name, "")
    if bar.name == "capabilities":
        said = "a folder each: operation, performer, cost, cli, http, client"
    return [
        f'<rect x="{LEFT}" y="{y}" width="{width}" height="{height}" rx="6" fill="{bar.fill}"/>',
        _text(LEFT + 14, y + 25, bar.name, size=15, weight=700, ink=bar.ink),
        _text(LEFT + NAME, y + 25, said, size=13, ink=bar.ink),
    ]


def _chips(names: list[str], y: int, ink: str) -> list[str]:
    parts: list[str] = []
    x, row = LEFT + NAME, y
    for name in names:
        width = 8 * len(name) + 18
        if x + width > WIDTH - 30:
            x, row = LEFT + NAME, row + CHIP + 6
        parts.append(
            f'<rect x="{x}" y="{row}" width="{width}" height="{CHIP}" rx="10" fill="#fffbeb" '
            f'stroke="{ink}" stroke-opacity="0.35"/>'
        )
        parts.append(_text(x + 9, row + 14, name, size=12, ink=ink))
        x += width + 6
    return parts


def _text(x: int, y: int, text: str, *, size: int, weight: int = 400, ink: str = "#111827") -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{ink}">'
        f"{html.escape(text)}</text>"
    )
