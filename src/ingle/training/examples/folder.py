"""Folders of Hugging Face's ``datasets``: which files belong to which split.

- what ``save_to_disk`` writes: ``state.json`` (one split) or ``dataset_dict.json`` (several);
- as on the hub: files whose names or folders say the split (``data/train-00000-of-00002.parquet``);
- the local caches: ``datasets/OWNER___NAME/CONFIG/VERSION/HASH/NAME-train.arrow``, and
  ``hub/datasets--OWNER--NAME/snapshots/COMMIT`` as on the hub.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from ingle.errors import InvalidRequest, NotFound

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow")
MOST_FILES = 10_000
_WORDS = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation",
    "val": "validation", "dev": "validation", "test": "test", "testing": "test", "eval": "test",
}  # fmt: skip
_NOT_DATA = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json",
             "config.json", "package.json"}  # fmt: skip


def splits_of(folder: Path) -> dict[str, list[Path]]:
    """The splits of a folder and their files.

    Raises:
        InvalidRequest: there are none, or more than `MOST_FILES`.
    """
    if (folder / "dataset_dict.json").is_file():
        names = _read(folder / "dataset_dict.json").get("splits", [])
        found = {str(name): _saved(folder / str(name)) for name in names}
    elif (folder / "state.json").is_file():
        found = {"train": _saved(folder)}
    else:
        found = _by_name(folder)
    if not found:
        raise InvalidRequest(
            f"{folder}: no training data in this folder; supported files: {', '.join(SUFFIXES)}",
            field="data",
        )
    return found


def cached(name: str) -> Path:
    """The folder of a data set in the local caches.

    Args:
        name: ``OWNER/NAME`` or ``NAME``, and ``:CONFIG`` if it has several.

    Raises:
        InvalidRequest: it has several configurations, and none was named.
        NotFound: there is no such file, folder or cached data set.
    """
    base, _, config = name.partition(":")
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", base) and ".." not in base:
        prepared = _datasets_cache() / base.replace("/", "___").lower()
        if not prepared.is_dir():
            prepared = _datasets_cache() / base.replace("/", "___")
        configs = _configurations(prepared)
        if config in configs:
            return configs[config]
        if len(configs) == 1 and not config:
            return next(iter(configs.values()))
        if configs:
            raise InvalidRequest(
                f"{base} has the configurations {', '.join(sorted(configs))}",
                hint=f"--data {base}:{min(configs)}",
                field="data",
            )
        snapshot = _snapshot(_hub_cache() / f"datasets--{base.replace('/', '--')}")
        if snapshot is not None:
            return snapshot / config if config and (snapshot / config).is_dir() else snapshot
    raise NotFound(
        f"{name}: no such file or folder, and no data set of that name in the Hugging Face cache",
        hint="ingle train MODEL --data FILE",
    )


def _saved(folder: Path) -> list[Path]:
    files = [
        str(entry.get("filename", "")) for entry in _read(folder / "state.json")["_data_files"]
    ]
    if not files or any(Path(name).name != name for name in files):
        raise InvalidRequest(f"{folder}: state.json lists no files of this folder", field="data")
    return [folder / name for name in files]


def _by_name(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    count = 0
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if hidden or path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        if path.name in _NOT_DATA:
            continue
        count += 1
        if count > MOST_FILES:
            raise InvalidRequest(f"{folder}: more than {MOST_FILES} files", field="data")
        found.setdefault(_split_of(inside), []).append(path)
    return found


def _split_of(path: Path) -> str:
    """The split that a path tells of, the file's own name first."""
    for part in (path.stem, *reversed(path.parent.parts)):
        # The last word counts: a set that is called eval_x has a file eval_x-train.arrow.
        for word in reversed(re.split(r"[^a-z]+", part.lower())):
            if word in _WORDS:
                return _WORDS[word]
    return "train"


def _configurations(folder: Path) -> dict[str, Path]:
    """Configuration to the newest folder of Arrow files that was made for it."""
    found: dict[str, Path] = {}
    for info in sorted(folder.glob("*/*/*/dataset_info.json"), key=lambda p: p.stat().st_mtime):
        if any(info.parent.glob("*.arrow")):
            found[info.relative_to(folder).parts[0]] = info.parent
    return found


def _snapshot(folder: Path) -> Path | None:
    main = folder / "refs" / "main"
    if main.is_file():
        commit = main.read_text().strip()
        if re.fullmatch(r"[0-9a-f]{7,64}", commit) and (folder / "snapshots" / commit).is_dir():
            return folder / "snapshots" / commit
    found = [path for path in (folder / "snapshots").glob("*") if path.is_dir()]
    return max(found, key=lambda path: path.stat().st_mtime) if found else None


def _home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("HF_HOME") or f"{cache}/huggingface").expanduser()


def _datasets_cache() -> Path:
    chosen = os.environ.get("HF_DATASETS_CACHE")
    return Path(chosen).expanduser() if chosen else _home() / "datasets"


def _hub_cache() -> Path:
    chosen = os.environ.get("HF_HUB_CACHE")
    return Path(chosen).expanduser() if chosen else _home() / "hub"


def _read(path: Path) -> dict[str, list[dict[str, object]]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path}: cannot be read ({error})", field="data") from None
    if not isinstance(data, dict):
        raise InvalidRequest(f"{path}: is not a JSON object", field="data")
    return data
