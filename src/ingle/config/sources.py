"""Where settings come from: flag > ``INGLE_*`` > project's file > user's file > default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingle.config.settings import Settings, check_hub, parse_duration, parse_size
from ingle.errors import ConfigError, plain

PROJECT_KEYS = frozenset(
    {
        "model",
        "embed_model",
        "rerank_model",
        "transcribe_model",
        "context",
        "slots",
        "keep_alive",
    }
)
"""What a project's file may set. It may come with someone's repository, so it must
not choose programs to run, addresses to send to, or what may leave the device."""

_SIZES = frozenset({"upload_rate", "prompt_cache"})
_SIZES_OR_AUTO = frozenset({"memory", "worker_memory"})
_DURATIONS = frozenset({"keep_alive", "idle_exit", "stall", "prompt_cache_age"})
_ABOVE_ZERO: dict[str, Callable[[str, str], float]] = {
    "http_header_bytes": parse_size,
    "http_body_bytes": parse_size,
    "http_header_timeout": parse_duration,
    "http_keep_alive": parse_duration,
}
"""Bounds of what strangers may do: none of them can be turned off."""


BACKUP = ".backup"
"""Ends the name of the settings as they were before the last `write`."""


class Origin(NamedTuple):
    """Where a value came from: ``default``, a file, or an environment variable."""

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} ({self.detail})" if self.detail else self.kind


def user_file() -> Path:
    """The user's settings file. ``INGLE_CONFIG`` names another one."""
    if chosen := os.environ.get("INGLE_CONFIG"):
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_config_path("ingle") / "config.toml"


def project_file(start: Path | None = None) -> Path | None:
    """The nearest ``ingle.toml`` at or above a folder (default: the current one)."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (candidate := folder / "ingle.toml").is_file():
            return candidate
    return None


def load(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    start: Path | None = None,
) -> tuple[Settings, dict[str, Origin]]:
    """The settings in force, and the origin of each.

    Args:
        flags: values given on the command line; None values are passed over.
        environment: instead of ``os.environ``.
        start: folder from which the project's file is looked for.

    Raises:
        ConfigError: an unknown key or a bad value; names the key and its origin.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    origins = {name: Origin("default") for name in Settings.__struct_fields__}
    layers: list[tuple[Mapping[str, Any], Origin]] = []
    for kind, path in (("user", user_file()), ("project", project_file(start))):
        if path is not None and path.is_file():
            layers.append((_read(path), Origin(kind, str(path))))
    for name in Settings.__struct_fields__:
        text = environment.get(f"INGLE_{name.upper()}")
        if text is not None:
            layers.append(({name: _from_text(name, text)}, Origin("env", f"INGLE_{name.upper()}")))
    chosen = {name: value for name, value in (flags or {}).items() if value is not None}
    layers.append((chosen, Origin("flag")))
    for layer, origin in layers:
        for name, value in layer.items():
            if origin.kind == "project" and name not in PROJECT_KEYS and name in _types():
                raise ConfigError(
                    f"{name} cannot be set in a project file ({origin.detail}): only "
                    f"{', '.join(sorted(PROJECT_KEYS))}",
                    hint=f"ingle config set {name} VALUE",
                    key=name,
                    origin=str(origin),
                )
            values[name] = _check(name, value, origin)
            origins[name] = origin
    return Settings(**values), origins


def write(name: str, text: str | None, path: Path | None = None) -> Path:
    """Set (or, with None, unset) one setting in the user's file; comments there stay.

    Raises:
        ConfigError: an unknown key or a bad value; the file is untouched.
    """
    import tomlkit

    path = path or user_file()
    document = tomlkit.parse(path.read_text()) if path.is_file() else tomlkit.document()
    if text is None:
        document.pop(name, None)
        if name not in Settings.__struct_fields__:
            raise _unknown(name, Origin("user", str(path)))
    else:
        value = _from_text(name, text)
        document[name] = msgspec.to_builtins(_check(name, value, Origin("user", str(path))))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_file():
        _replace(path.with_name(path.name + BACKUP), path.read_text())
    _replace(path, tomlkit.dumps(document))
    return path


def _replace(path: Path, text: str) -> None:
    """Write a whole file or nothing, readable for its owner alone: it may hold a token.

    What a kill leaves is taken up by the next write.
    """
    partial = path.with_name(f"{path.name}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w") as file:  # noqa: PTH123 - it is open already
        os.fchmod(descriptor, 0o600)
        file.write(text)
    partial.replace(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", hint=f"edit {path}") from None


def _from_text(name: str, text: str) -> Any:
    """A value written as text: JSON for lists and tables, else by the field's type."""
    kind = _types().get(name)
    if kind is None:
        raise _unknown(name, Origin("flag"))
    try:
        if text.startswith(("[", "{")):
            return msgspec.json.decode(text.encode())
        if name in {"origins", "clients", "hosts", "trackers", "dht_nodes"}:
            return [item for item in text.split(",") if item]
        return msgspec.convert(text, kind, strict=False)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        why = plain(str(error))
        raise ConfigError(f"{name}: {text!r} is not a valid value: {why}", key=name) from None


def _check(name: str, value: Any, origin: Origin) -> Any:
    kind = _types().get(name)
    if kind is None:
        raise _unknown(name, origin)
    try:
        value = msgspec.convert(value, kind)
        if name in _SIZES or (name in _SIZES_OR_AUTO and value != "auto"):
            parse_size(value, name)
        if name in _DURATIONS:
            parse_duration(value, name)
        if name == "hub":
            check_hub(value)
        if name in _ABOVE_ZERO and _ABOVE_ZERO[name](value, name) <= 0:
            raise ConfigError(f"{name} ({origin}): must be more than 0", key=name)
    except msgspec.ValidationError as error:
        why = plain(str(error))
        raise ConfigError(f"{name} ({origin}): {why}", key=name, origin=str(origin)) from None
    return value


def _types() -> dict[str, Any]:
    from typing import get_type_hints

    return get_type_hints(Settings, include_extras=True)


def _unknown(name: str, origin: Origin) -> ConfigError:
    import difflib

    near = difflib.get_close_matches(name, Settings.__struct_fields__, 1)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    return ConfigError(
        f"there is no setting {name!r} ({origin}){guess}",
        hint="ingle config show",
        key=name,
        origin=str(origin),
    )
