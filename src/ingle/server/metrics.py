"""``/metrics`` in Prometheus' text format, version 0.0.4, written by hand.

Names and labels hold routes, statuses and model names; never prompts, tokens
of authorization, addresses or anything else that a client sent as content.
"""

from __future__ import annotations

import bisect
from collections import defaultdict

from ingle.capabilities.node.operation import StatusReport
from ingle.operations import Usage

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Histogram:
    """Counts of observations per bucket, in seconds."""

    def __init__(self, buckets: tuple[float, ...] = _SECONDS) -> None:
        self.buckets = buckets
        self.counts = [0] * (len(buckets) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect.bisect_left(self.buckets, value)] += 1
        self.sum += value

    def lines(self, name: str, labels: str) -> list[str]:
        """The samples of this histogram; ``labels`` is written as ``route="..."``."""
        total = 0
        found = []
        for bound, count in zip((*self.buckets, "+Inf"), self.counts, strict=True):
            total += count
            found.append(f'{name}_bucket{{{labels},le="{bound}"}} {total}')
        found.append(f"{name}_sum{{{labels}}} {self.sum:.6f}")
        found.append(f"{name}_count{{{labels}}} {total}")
        return found


class Metrics:
    """What the server has seen since it started."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = defaultdict(int)
        self._tokens: dict[tuple[str, str], int] = defaultdict(int)
        self._used: dict[tuple[str, str, str], float] = defaultdict(float)
        self._duration: dict[str, Histogram] = defaultdict(Histogram)
        self._first: dict[str, Histogram] = defaultdict(Histogram)
        self._ended: dict[str, int] = defaultdict(int)
        self.active = 0
        self.connections = 0

    def connection_ended(self, reason: str) -> None:
        """One connection that the server ended, and not its client."""
        self._ended[reason] += 1

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One finished request."""
        self._requests[method, route, status] += 1
        self._duration[route].observe(seconds)

    def first_piece(self, route: str, seconds: float) -> None:
        """The first piece of a streamed answer left the server."""
        self._first[route].observe(seconds)

    def usage(self, model: str, usage: Usage) -> None:
        """The tokens of one operation."""
        self._tokens[model, "prompt"] += usage.prompt_tokens
        self._tokens[model, "cached"] += usage.cached_tokens
        self._tokens[model, "completion"] += usage.completion_tokens

    def used(self, capability: str, model: str, unit: str, amount: float) -> None:
        """What one operation used, of a unit other than tokens."""
        self._used[capability, model, unit] += amount

    def render(self, status: StatusReport | None) -> str:
        """The page. ``status`` adds the node's own numbers, where it could be asked."""
        lines = _heading("ingle_http_requests_total", "counter", "Finished requests.")
        for (method, route, code), count in sorted(self._requests.items()):
            labels = f'method="{method}",route="{_escape(route)}",status="{code}"'
            lines.append(f"ingle_http_requests_total{{{labels}}} {count}")
        lines += _heading("ingle_http_requests_active", "gauge", "Requests being answered.")
        lines.append(f"ingle_http_requests_active {self.active}")
        lines += _heading("ingle_http_connections", "gauge", "Open connections.")
        lines.append(f"ingle_http_connections {self.connections}")
        name = "ingle_http_connections_ended_total"
        lines += _heading(name, "counter", "Connections that the server ended, by reason.")
        lines += [f'{name}{{reason="{why}"}} {n}' for why, n in sorted(self._ended.items())]
        lines += _heading("ingle_tokens_total", "counter", "Tokens, by model and kind.")
        for (model, kind), count in sorted(self._tokens.items()):
            lines.append(f'ingle_tokens_total{{model="{_escape(model)}",kind="{kind}"}} {count}')
        if self._used:
            lines += _heading("ingle_used_total", "counter", "Use in other units than tokens.")
        for (capability, model, unit), amount in sorted(self._used.items()):
            labels = f'capability="{capability}",model="{_escape(model)}",unit="{_escape(unit)}"'
            lines.append(f"ingle_used_total{{{labels}}} {amount:g}")
        for name, text, histograms in (
            ("ingle_http_request_duration_seconds", "Duration of requests.", self._duration),
            ("ingle_time_to_first_piece_seconds", "Request to first piece.", self._first),
        ):
            lines += _heading(name, "histogram", text)
            for route, histogram in sorted(histograms.items()):
                lines += histogram.lines(name, f'route="{_escape(route)}"')
        if status is not None:
            lines += _node(status)
        return "\n".join(lines) + "\n"


def _node(status: StatusReport) -> list[str]:
    lines = []
    for name, text, value in (
        ("ingle_models_loaded", "Models in memory.", len(status.workers)),
        ("ingle_queue_length", "Waiting operations.", sum(w.queued for w in status.workers)),
        ("ingle_slots_active", "Sequences being decoded.", sum(w.active for w in status.workers)),
        ("ingle_memory_used_bytes", "Memory of the loaded models.", status.memory_used),
        ("ingle_memory_budget_bytes", "Memory models may use.", status.memory_budget),
        ("ingle_resident_bytes", "Resident memory of the node.", status.rss),
    ):
        lines += [*_heading(name, "gauge", text), f"{name} {value}"]
    lines += _heading("ingle_model_memory_bytes", "gauge", "Resident memory, by model.")
    for worker in status.workers:
        labels = f'model="{_escape(worker.model)}",pid="{worker.pid}"'
        lines.append(f"ingle_model_memory_bytes{{{labels}}} {worker.memory}")
    return lines


def _heading(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
