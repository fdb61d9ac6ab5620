"""What a model takes of a GPU, against what was planned; and the node against a bare server.

``python -m bench.gpu FOLDER SUBCOMMAND NAME=LLAMA_SERVER ...`` with one of

- ``write``: the models, of true shapes with random weights;
- ``fit``: loads each of the cases below with the arguments that ingle gives, computes with it, and
  compares what the plan says of the device with the server's own buffers and with what the driver
  counts as used;
- ``speed``: decode, prefill, 8 and 32 at once, through ingle's node against the bare server.

It needs no xllamacpp. Each case stands alone: one that fails is a line that says so. Results are
added to ``FOLDER/SUBCOMMAND.json``. ``--only WORD`` takes the cases whose name has the word.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from bench.weights import MIXTURE, QWEN3_06B, QWEN3_4B, write
from ingle.engines.engine import LoadSpec
from ingle.engines.llama.http import SHORT_NAME, UnixHTTP
from ingle.engines.llama.layer_placement import LayerBytes, LayerPlacement, Workload
from ingle.engines.llama.options import LlamaOptions
from ingle.engines.llama.server_binary import arguments
from ingle.engines.llama.server_program import devices, program
from ingle.models.facts import facts_of
from ingle.operations import DeviceInfo

MIB = 1 << 20
LOAD_S = 120.0
MODELS: dict[str, dict[str, Any]] = {
    "0.6b-q8_0": {"shape": QWEN3_06B},
    "4b-q8_0": {"shape": QWEN3_4B},
    "4b-q4_k": {"shape": QWEN3_4B, "quantization": "Q4_K"},
    "moe-q8_0": {"shape": MIXTURE},
    "embed-q8_0": {"shape": QWEN3_06B, "pooling": 3},
}
TRAINED = 40960


class Case(NamedTuple):
    """A model and how it is loaded."""

    name: str
    model: str
    context: int
    slots: int
    layers: float = 1.0
    """Share of its layers that go to the device."""
    cpu_moe: float = 0.0
    """Share of its layers whose experts stay on the host."""
    cache_type: str = "f16"
    role: str = "generate"


CASES = [
    Case("0.6B, 4096", "0.6b-q8_0", 4096, 1),
    Case("0.6B, 4 x 32768", "0.6b-q8_0", 32768, 4),
    Case("4B, 2 x 16384", "4b-q8_0", 16384, 2),
    Case("4B, 2 x 16384, KV q8_0", "4b-q8_0", 16384, 2, cache_type="q8_0"),
    Case("4B Q4_K, 4 x 8192", "4b-q4_k", 8192, 4),
    Case("4B, half the layers", "4b-q8_0", 8192, 2, layers=0.5),
    Case("MoE, 4096", "moe-q8_0", 4096, 2),
    Case("MoE, experts on CPU", "moe-q8_0", 4096, 2, cpu_moe=1.0),
    Case("MoE, half of the experts", "moe-q8_0", 8192, 2, cpu_moe=0.5),
    Case("embeddings, 4 x 2048", "embed-q8_0", 2048, 4, role="embed"),
    # The formulas were read off those above; these check them.
    Case("0.6B, 2 x 8192, KV q4_0", "0.6b-q8_0", 8192, 2, cache_type="q4_0"),
    Case("4B Q4_K, a quarter", "4b-q4_k", 4096, 3, layers=0.25, cache_type="q8_0"),
    Case("MoE, 16384, a third", "moe-q8_0", 16384, 1, cpu_moe=0.33),
    Case("embeddings, 2 x 1024", "embed-q8_0", 1024, 2, role="embed"),
]


def model_path(folder: Path, name: str) -> Path:
    """A model's file, written if it is not there."""
    given = dict(MODELS[name])
    return write(folder / f"{name}.gguf", given.pop("shape"), context=TRAINED, **given)


def used(index: int = 0) -> int:
    """Bytes of a GPU that are in use by anyone, as the driver counts."""
    answer = subprocess.run(
        ["nvidia-smi", f"--id={index}", "--query-gpu=memory.used", "--format=csv,noheader,nounits"],
        capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    return int(float(answer.stdout.split()[0])) * MIB


class Peak:
    """The most of the GPU that was in use while it watched, above what was before."""

    def __init__(self) -> None:
        self.before = self.most = used()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.15):
            self.most = max(self.most, used())

    def so_far(self) -> int:
        """Bytes."""
        self.most = max(self.most, used())
        return self.most - self.before

    def stop(self) -> int:
        """The last look."""
        self._over.set()
        self._thread.join()
        return self.so_far()


class Server:
    """A llama-server as ingle starts it, and its log."""

    def __init__(self, spec: LoadSpec, options: LlamaOptions, folder: Path, *more: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="g-"))
        self.log = folder / "server.log"
        socket = self.folder / "l.sock"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *arguments(spec, options, program(options.server_binary)),
                    "--host",
                    str(socket),
                    *more,
                ],
                stdout=log,
                stderr=log,
            )
        self.http = self._ready(socket)

    def _ready(self, socket: Path) -> UnixHTTP:
        end = time.monotonic() + LOAD_S
        http: UnixHTTP | None = None
        while time.monotonic() < end and self.process.poll() is None:
            if http is None and socket.exists():
                time.sleep(0.1)
                http = UnixHTTP(socket)
            if http is not None:
                with contextlib.suppress(Exception):
                    if http.ask("/health", None).get("status") == "ok":
                        return http
            time.sleep(0.05)
        self.stop()
        lines = self.log.read_text(errors="replace").splitlines()
        raise RuntimeError(f"no server ({self.process.returncode}): {' | '.join(lines[-4:])[:300]}")

    def buffers(self) -> dict[str, float]:
        """MiB by name, such as ``CUDA0 KV``, of every buffer that the log names."""
        found: dict[str, float] = {}
        line = re.compile(r"(\S+)\s+(model|KV|compute|output|RS) buffer size\s*=\s*([\d.]+) MiB")
        for text in self.log.read_text(errors="replace").splitlines():
            if match := line.search(text):
                key = f"{match[1]} {match[2]}"
                # A compute buffer is measured first and then said again; caches add up.
                again = 0.0 if match[2] in ("compute", "output") else found.get(key, 0.0)
                found[key] = again + float(match[3])
        return found

    @property
    def socket(self) -> Path:
        """Where it listens, once it is ready."""
        return self.folder / SHORT_NAME

    def resident(self) -> int:
        """Bytes of main memory."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """Stop it at the end."""
    try:
        yield server
    finally:
        server.stop()


def loaded_as(
    case: Case, folder: Path, binary: str, device: Any
) -> tuple[Any, Any, LayerPlacement]:
    """What ingle would hand to its worker, and the plan for it."""
    path = model_path(folder, case.model)
    facts = facts_of([path])
    batch = max(512, case.context) if case.role == "embed" else 512
    layout = LayerBytes(facts, Workload(case.context, case.slots, batch), case.cache_type)
    layers = round(layout.total_layers * case.layers)
    moe = round(facts.layers * case.cpu_moe)
    placement = layout.placed([device], [layers], moe)
    options = LlamaOptions(context=case.context, server_binary=binary, **placement.options())
    spec = LoadSpec(
        engine="llama", model=case.name, files={"weights": [str(path)]}, slots=case.slots,
        role=case.role, threads=16,
    )  # fmt: skip
    return spec, options, placement


def compute(server: Server, case: Case, seed: int = 0) -> None:
    """A prompt of up to 4,000 tokens and some tokens in each slot at once."""
    chance = random.Random(seed)
    size = min(case.context - 100, 4000)
    prompts = [[chance.randrange(300, 4000) for _ in range(size)] for _ in range(case.slots)]

    def one(prompt: list[int]) -> Any:
        if case.role == "embed":
            return server.http.ask("/v1/embeddings", {"input": [prompt]})
        body = {"prompt": prompt, "n_predict": 40, "temperature": 0.0, "ignore_eos": True}
        return server.http.ask("/completion", body)

    with ThreadPoolExecutor(case.slots) as pool:
        for answer in pool.map(one, prompts):
            # Random weights write what no parser expects, after all the memory has been used.
            if "error" in answer and "Content-only" not in str(answer["error"]):
                raise RuntimeError(str(answer["error"])[:200])


def first_device(binary: str, name: str) -> DeviceInfo:
    """The one that is measured."""
    found = devices(binary)
    if not found:
        asked = subprocess.run(
            [binary, "--list-devices"], capture_output=True, text=True, check=False, timeout=60
        )
        raise RuntimeError(f"no device: {(asked.stdout + asked.stderr)[-300:]!r}")
    return found[0]


def fit(folder: Path, name: str, binary: str, case: Case) -> dict[str, Any]:
    """One case: planned against the driver's peak and the server's buffers. In MiB."""
    device = first_device(binary, name)
    spec, options, placement = loaded_as(case, folder, binary, device)
    peak = Peak()
    try:
        with running(Server(spec, options, folder, "--log-verbosity", "5")) as server:
            after_load = peak.so_far()
            compute(server, case)
            most = peak.so_far()
            buffers, resident = server.buffers(), server.resident()
    finally:
        peak.stop()
    (share,) = placement.shares
    return {
        "build": name,
        "case": case.name,
        "device": device.name,
        "placement": placement.words(),
        "planned": share.total / MIB,
        "measured": most / MIB,
        "loaded": after_load / MIB,
        "error": share.total / most - 1 if most else None,
        "weights": [share.weights / MIB, buffers.get(f"{device.name} model", 0.0)],
        "cache": [share.cache / MIB, buffers.get(f"{device.name} KV", 0.0)],
        "compute": [share.compute / MIB, buffers.get(f"{device.name} compute", 0.0)],
        "context": [
            share.overhead / MIB,
            most / MIB
            - sum(size for key, size in buffers.items() if key.split()[0] == device.name),
        ],
        "host": [placement.host.total / MIB, resident / MIB],
        "buffers": buffers,
    }


def fit_together(folder: Path, name: str, binary: str) -> dict[str, Any]:
    """Two models at once."""
    device = first_device(binary, name)
    cases = [CASES[0], CASES[2]]
    peak = Peak()
    planned = 0
    try:
        with contextlib.ExitStack() as stack:
            for number, case in enumerate(cases):
                spec, options, placement = loaded_as(case, folder, binary, device)
                place = folder / f"together{number}"
                place.mkdir(exist_ok=True)
                server = stack.enter_context(running(Server(spec, options, place)))
                compute(server, case)
                planned += placement.shares[0].total
            most = peak.so_far()
    finally:
        peak.stop()
    return {
        "build": name, "case": "two models", "planned": planned / MIB, "measured": most / MIB,
        "error": planned / most - 1 if most else None,
    }  # fmt: skip


def fit_row(row: dict[str, Any]) -> str:
    """A line of the table."""
    text = f"{row['build'][:7]:7} {row['case'][:24]:24}"
    if "failed" in row:
        return f"{text} FAILED {row['failed'][:140]}"
    error = "     ?" if row["error"] is None else f"{row['error']:+6.1%}"
    text += f" {row['planned']:7.0f} {row['measured']:7.0f} {error}"
    for part in ("weights", "cache", "compute", "context", "host"):
        text += " {:6.0f}/{:<6.0f}".format(*row[part]) if part in row else ""
    return text


def attempt(what: dict[str, Any], work: Any, *given: Any) -> dict[str, Any]:
    """A row; or why there is none."""
    try:
        row: dict[str, Any] = work(*given)
    except Exception as error:
        traceback.print_exc(limit=3, file=sys.stderr)
        return what | {"failed": f"{type(error).__name__}: {error}"}
    return row


def measure_fit(folder: Path, builds: dict[str, str], only: str, end: float) -> list[Any]:
    """All cases of all builds, as far as the time goes."""
    print("build   case                     planned measured error  planned/found in MiB:")
    print(f"{'':54} weights       KV            compute       context       host")
    rows = []
    for name, binary in builds.items():
        works: list[Any] = [(case.name, fit, (folder, name, binary, case)) for case in CASES]
        works.append(("two models", fit_together, (folder, name, binary)))
        for label, work, given in works:
            if only not in label or time.monotonic() > end:
                continue
            row = attempt({"build": name, "case": label}, work, *given)
            rows.append(row)
            print(fit_row(row), flush=True)
    asked = subprocess.run(
        [sys.executable, "-m", "ingle.engines.cuda_bandwidth", "0"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    print("copies within the device, bytes per second:", asked.stdout or asked.stderr)
    good = [abs(row["error"]) for row in rows if row.get("error") is not None]
    if good:
        within = sum(error <= 0.08 for error in good)
        print(f"within 8 %: {within} of {len(good)}; the worst {max(good):.1%}")
    return rows


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("subcommand", choices=("write", "fit", "speed"))
    parser.add_argument("builds", nargs="*", help="NAME=PATH of a llama-server")
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=480, help="no case begins after these")
    given = parser.parse_args()
    folder: Path = given.folder
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + given.seconds
    builds = dict(build.split("=", 1) for build in given.builds)
    if given.subcommand == "write":
        for name in MODELS:
            began = time.monotonic()
            size = model_path(folder, name).stat().st_size
            print(f"{name}: {size / MIB:.0f} MiB in {time.monotonic() - began:.0f} s", flush=True)
        return
    if given.subcommand == "speed":
        from bench.gpu_speed import measure_speed

        rows = measure_speed(folder, builds, given.only, end)
    else:
        rows = measure_fit(folder, builds, given.only, end)
    with (folder / f"{given.subcommand}.json").open("a") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
