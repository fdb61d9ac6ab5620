"""Every setting of a node, with its default and what it is for."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from ingle.errors import ConfigError

_UNITS = {
    "": 1,
    "k": 1000,
    "m": 1000**2,
    "g": 1000**3,
    "t": 1000**4,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

Positive = Annotated[int, msgspec.Meta(ge=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class Upstream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OpenAI-compatible server behind this node (vLLM, a cluster, another ingle)."""

    base_url: str
    """With the version part, such as ``http://10.0.0.5:8000/v1``."""
    api_key_env: str = ""
    """Name of the environment variable that holds its key; keys are never in this file."""
    models: list[str] = []
    """Names it serves here. Empty: all it has, reached as ``MODEL@NAME`` or with ``--on NAME``."""


MOZILLA = (
    "https://storage.googleapis.com/moz-fx-translations-data--303e-prod-translations-data"
    "/db/models.json"
)
"""Mozilla's list of its translation models."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a node. Set by flag, ``INGLE_NAME``, ``ingle.toml`` or the user's file."""

    state_dir: str = ""
    """Lock, socket, ledger and logs. One node per state directory."""
    models_dir: str = ""
    """The store: models, adapters and interrupted downloads."""
    host: str = "127.0.0.1"
    """Address of the HTTP server. Anything but loopback needs a token."""
    port: Port = 11411
    """Port of the HTTP server; 0 picks a free one."""
    token: str = ""
    """Bearer token that HTTP clients must show. Better given as INGLE_TOKEN than written here."""
    origins: list[str] = []
    """Web origins that may call the HTTP server, such as ``https://my.page``."""
    clients: list[str] = []
    """Programs that may call the HTTP server, such as ``tauri://localhost``, ``vscode-webview://``."""
    hosts: list[str] = []
    """Host names under which the HTTP server may be addressed, besides loopback ones."""
    http_connections: Positive = 2048
    """Most connections to the HTTP server; for one more the longest idle one ends."""
    http_connections_per_address: Positive = 1024
    """The same for one address; all programs of this machine, or behind one proxy, share one."""
    http_header_bytes: str = "64KiB"
    """Largest request line and headers of an HTTP request."""
    http_header_count: Positive = 100
    """Most headers of an HTTP request."""
    http_header_timeout: str = "20s"
    """How long an HTTP client may take to send its request's headers."""
    http_keep_alive: str = "75s"
    """How long an HTTP connection without a request stays open."""
    http_body_bytes: str = "32MiB"
    """Largest body of an HTTP request that is kept in memory; all together may have twice that."""
    model: str = "ember"
    """The model used where none is named."""
    embed_model: str = "ember-embed"
    """The embedding model used where none is named."""
    rerank_model: str = ""
    """The model that orders what a search of a collection found; empty: none."""
    transcribe_model: str = "whisper:base"
    """The model that transcribes where none is named."""
    speaker_model: str = "wespeaker:resnet34"
    """The model that tells speakers apart where none is named."""
    speech_model: str = "espeak"
    """The model that speaks where none is named."""
    image_model: str = "stable-diffusion:1.5"
    """The model that draws where none is named."""
    ocr_model: str = "rapidocr"
    """The model that reads images and PDFs where none is named."""
    translate_model: str = "auto"
    """The model that translates where none is named; ``auto``: one that is here and fits."""
    detect_model: str = "langid"
    """The model that tells languages where none is named."""
    translation_catalogue: str = MOZILLA
    """Where names such as ``bergamot:en-de`` are looked up: Mozilla's list, or one of its form."""
    verify_after_crash: bool = True
    """Verify models in the background that were in use when a node was killed or crashed."""
    memory: str = "auto"
    """What loaded models may use together, such as ``6GiB``; ``auto`` is 80 % of the memory."""
    worker_memory: str = "auto"
    """What a model's process may use of its own, such as ``8GiB``; ``0``: any; ``auto``: by plan"""
    context: Count = 0
    """Tokens per slot; 0: what the model was trained for, up to 8192, as far as it fits."""
    slots: Count = 0
    """Requests per model that are decoded together; 0: four, or fewer if memory is short."""
    kv_cache: Literal["f16", "q8_0", "q4_0", "auto"] = "f16"
    """Type of the KV cache; ``auto``: q8_0 where only that lets all layers fit on a GPU."""
    gpu_layers: Annotated[int, msgspec.Meta(ge=-1)] = -1
    """Most layers on GPUs, the output as one; -1: as many as fit; 0: the CPU alone."""
    threads: Count = 0
    """Threads of an engine; 0: one for each core."""
    keep_alive: str = "5m"
    """How long an idle model stays in memory, such as ``30s``, ``2h``; ``-1``: for ever."""
    stall: str = "10m"
    """How long answers may stand still before their model's process is ended; ``-1``: for ever."""
    queue: Positive = 512
    """Requests that may wait for a slot; one more is refused."""
    idle_exit: str = "10m"
    """When a node that was started in the background ends itself; ``-1``: never."""
    egress: Literal["allow", "deny"] = "allow"
    """``deny``: nothing leaves this device, not even a download or a granted delegation."""
    hub: str = "huggingface.co"
    """Where names are pulled from: ``huggingface.co``, ``modelscope.cn``, or a mirror's URL."""
    llama_server: str = ""
    """Path of the ``llama-server`` that the engine of this name is; empty: as found on PATH."""
    engine: str = "auto"
    """Engine of all models, such as ``cuda``; ``auto``: one with a graphics device, if there is."""
    trl_python: str = ""
    """Python of an environment that has TRL; empty: the one of ``ingle train --install trl``."""
    engines: dict[str, str] = {}
    """Model name to the engine that runs it, such as ``{"mine": "vulkan"}``; else by ``engine``."""
    speculation: Literal["auto", "off", "ngram", "draft", "mtp"] = "auto"
    """Guess tokens ahead: ``auto`` where it is measured to help, ``off``, or always as named."""
    drafts: dict[str, str] = {}
    """Model to a smaller one of its vocabulary that guesses ahead of it, ``{"qwen": "small"}``."""
    prompt_cache: str = "2GiB"
    """Disk for what models have read of your long prompts, for after a restart; ``0``: none."""
    prompt_cache_age: str = "30d"
    """How long a kept prompt that is not used stays; ``-1``: until there is no room."""
    upstreams: dict[str, Upstream] = {}
    """OpenAI-compatible servers, by name."""
    upload_rate: str = "0"
    """What is sent of shared models per second at most, such as ``2MB``; ``0``: any."""
    seed_ratio: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """BitTorrent peers get no more of a model of which this times its size was sent; 0: no end."""
    seed_hours: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """BitTorrent peers get no more of a model that was on offer for so long; 0: no end."""
    share_listen: str = "0.0.0.0:11413,[::]:11413"
    """Where BitTorrent peers can call. Opened only once a model is shared on the LAN or wider."""
    trackers: list[str] = []
    """BitTorrent trackers that publicly shared models are announced to."""
    dht_nodes: list[str] = []
    """``host:port`` of nodes by which to enter a DHT for publicly shared models; empty: no DHT."""
    device_name: str = ""
    """What paired devices see; empty: the host's name."""
    delegate: Literal["never", "fit", "prefer"] = "never"
    """When paired devices are asked without being named: never, if it does not fit here, first."""
    peer_host: str = "0.0.0.0"  # noqa: S104 (opened only once a device is paired)
    """Address at which paired devices reach this one."""
    peer_port: Port = 11412
    """UDP port for paired devices; another one is taken if it is in use."""
    nearby: bool = True
    """Announce this node on its own network once peers are used, and find others there."""
    relay: str = ""
    """URL of a relay of yours, for networks that let nothing else through. None is used else."""

    def memory_bytes(self) -> int | None:
        """The budget in bytes; None for ``auto``."""
        return None if self.memory == "auto" else parse_size(self.memory, "memory")

    def worker_memory_bytes(self) -> int | None:
        """What a worker may have of its own; 0: any; None for ``auto``."""
        if self.worker_memory == "auto":
            return None
        return parse_size(self.worker_memory, "worker_memory")

    @property
    def prompt_cache_bytes(self) -> int:
        """Bytes; 0: no prompt is kept."""
        return parse_size(self.prompt_cache, "prompt_cache")

    @property
    def prompt_cache_age_s(self) -> float:
        """Seconds; negative: for ever."""
        return parse_duration(self.prompt_cache_age, "prompt_cache_age")

    @property
    def stall_s(self) -> float:
        """Seconds; negative: for ever."""
        return parse_duration(self.stall, "stall")

    @property
    def keep_alive_s(self) -> float:
        """Seconds; negative: for ever."""
        return parse_duration(self.keep_alive, "keep_alive")

    @property
    def idle_exit_s(self) -> float:
        """Seconds; negative: never."""
        return parse_duration(self.idle_exit, "idle_exit")

    @property
    def http_header_timeout_s(self) -> float:
        """Seconds."""
        return parse_duration(self.http_header_timeout, "http_header_timeout")

    @property
    def http_keep_alive_s(self) -> float:
        """Seconds."""
        return parse_duration(self.http_keep_alive, "http_keep_alive")

    @property
    def state_path(self) -> Path:
        """`state_dir`, or the platform's place for it."""
        if self.state_dir:
            return Path(self.state_dir).expanduser()
        import platformdirs

        return platformdirs.user_state_path("ingle")

    @property
    def models_path(self) -> Path:
        """`models_dir`, or the platform's place for it."""
        if self.models_dir:
            return Path(self.models_dir).expanduser()
        import platformdirs

        return platformdirs.user_data_path("ingle") / "models"


@functools.cache
def descriptions() -> dict[str, str]:
    """Setting to its one-line description, read from this file's own docstrings."""
    import ast
    import inspect

    tree = ast.parse(inspect.getsource(Settings)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(doc))),
            ):
                found[name] = doc
    return found


HUGGING_FACE = ("hf.co", "huggingface.co")
MODELSCOPE = ("modelscope.cn", "www.modelscope.cn")


def check_hub(text: str) -> None:
    """See that it names a hub.

    Raises:
        ConfigError: it does not.
    """
    if text not in ("", *HUGGING_FACE, *MODELSCOPE) and not text.startswith(
        ("http://", "https://")
    ):
        raise ConfigError(
            f"hub: {text!r} is neither huggingface.co nor modelscope.cn nor the URL of a mirror",
            hint="ingle config unset hub",
            key="hub",
        )


def parse_size(text: str, key: str = "size") -> int:
    """Bytes of ``512MiB``, ``6GB``, ``6g`` or a bare number.

    Raises:
        ConfigError: not of that form.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", text.lower())
    if match is None or match[2] == "i":
        raise ConfigError(f"{key}: {text!r} is not a valid size such as 6GiB or 800MB", key=key)
    return int(float(match[1]) * _UNITS[match[2]])


def parse_duration(text: str, key: str = "duration") -> float:
    """Seconds of ``30s``, ``5m``, ``2h``, ``1d``, a bare number, or a negative one for *for ever*.

    Raises:
        ConfigError: not of that form.
    """
    match = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*(|s|m|h|d)\s*", text.lower())
    if match is None:
        raise ConfigError(f"{key}: {text!r} is not a valid duration such as 30s, 5m or -1", key=key)
    return float(match[1]) * _SECONDS[match[2]]
