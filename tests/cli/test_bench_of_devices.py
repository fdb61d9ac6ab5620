"""What bounds a model that is on devices: the roofline of each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ingle.cli.bench import (
    BenchReport,
    measured_bandwidths,
    reads,
    roofline,
    roofline_rate,
)

GB = 10**9


def report(read: dict[str, int], bandwidths: dict[str, float]) -> BenchReport:
    return BenchReport(
        model="m", prompt_tokens=1, new_tokens=1, prefill_rate=1.0, decode_rate=100.0,
        first_token_s=1.0, again_s=1.0, load_s=1.0, bytes_per_token=sum(read.values()),
        memory_bandwidth=GB, roofline_rate=roofline_rate(read, bandwidths), bound="",
        read_bytes=read, bandwidths=bandwidths,
        read_rate={name: 100.0 * size for name, size in read.items()} if len(read) == 1 else {},
    )  # fmt: skip


def test_devices_work_in_turn() -> None:
    read, bandwidths = {"CUDA0": GB, "CPU": GB}, {"CUDA0": 1000.0 * GB, "CPU": 10.0 * GB}
    assert roofline_rate(read, bandwidths) == pytest.approx(1 / (0.001 + 0.1))
    assert roofline_rate({"CUDA0": GB}, bandwidths) == pytest.approx(1000)
    assert "decode is at 10%" in roofline(report({"CUDA0": GB}, bandwidths))


def test_there_is_no_roofline_of_what_could_not_be_measured() -> None:
    shown = report({"Vulkan0": GB}, {})
    assert shown.roofline_rate is None
    assert roofline(shown) == "not known: the bandwidth of Vulkan0 could not be measured"
    (line,) = reads(shown)
    assert line.startswith("Vulkan0: ")
    assert line.endswith("/s as the answers came")


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is a CUDA device")
def test_without_a_driver_it_is_said() -> None:
    command = [sys.executable, "-m", "ingle.engines.cuda_bandwidth", "0"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stdout) == (1, "")
    assert "CUDA driver" in asked.stderr
    assert list(measured_bandwidths(["CUDA0", "Vulkan0"])) == ["CPU"]
