"""Metrics for Prometheus, prefix `freezeguard_`. No label names a SKU or a customer."""

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from freezeguard import __version__
from freezeguard.api.routing import AnyRoute

_PREFIX = "freezeguard_"
_FAST = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

_COUNTERS = {
    "signals_received": ("Signals received.", ("result",)),
    "freezes": ("Sales stopped, for the first time or again.", ("lane",)),
    "catalogue_requests": ("Calls to catalogues.", ("catalogue", "outcome")),
    "catalogue_drift": ("Objects found on sale although stopped.", ("catalogue",)),
    "quick_answers": ("Answers from memory, which are not timed.", ("route", "status")),
    "notices": ("Delivery attempts of notices.", ("channel", "result")),
    "audit_anchors": ("Anchors of the audit record.", ("result",)),
    "webhooks": ("Delivery attempts of webhooks.", ("result",)),
    "canary_rounds": ("Rounds of canaries.", ("catalogue", "result")),
    "evaluations_swept": ("Evaluations that somebody had left behind.", ()),
}
_HISTOGRAMS = {
    "catalogue_gap_seconds": (
        "For how long an object that drifted may have been sold.", ("catalogue",)),
    "stop_confirmed_seconds": ("From the commit of a hold to its read-back.", ("catalogue",)),
    "canary_seconds": ("From a canary's stop or release to its read-back.", ("catalogue", "step")),
    "request_seconds": ("Answering requests.", ("route", "status")),
    "commit_seconds": ("Storing one group of signals.", ("lane",)),
}
_GAUGES = {
    "held_skus": ("SKUs that are held.", ()),
    "held_set_revision": ("Revision of the held set in this replica.", ()),
    "held_set_age_seconds": ("Since this replica last heard of the held set.", ()),
    "learned_priors_age_seconds": ("Since the shop's past was last learned from.", ()),
    "clock_skew_seconds": ("By which this machine's clock is ahead of the database's.", ()),
    "silent_feeds": ("Feeds that have been silent for longer than chance allows.", ()),
    "audit_unchained_rows": ("Audit rows that are not chained yet.", ()),
    "audit_unchained_age_seconds": ("Age of the oldest of them.", ()),
    "audit_anchor_age_seconds": ("Of the last anchor, where the chain has moved on since.", ()),
    "canary_stop_seconds": ("From the order to its read-back, of the last canary.", ("catalogue",)),
    "canary_release_seconds": ("From the release until it sold again.", ("catalogue",)),
    "canary_last_success_age_seconds": ("Since a canary was last well.", ("catalogue",)),
    "canary_late": ("Whether people were told that a canary is not well.", ("catalogue",)),
    "breaker_open": ("Whether calls to a catalogue are held back.", ("catalogue",)),
}


class PrometheusMetrics:
    """Counters, histograms and gauges in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._children: dict[tuple[Any, ...], Any] = {}
        self._quick: dict[tuple[int, int], Counter] = {}
        self._counters = {
            name: Counter(_PREFIX + name, help_, labels, registry=self._registry)
            for name, (help_, labels) in _COUNTERS.items()
        }
        self._histograms = {
            name: Histogram(
                _PREFIX + name, help_, labels, buckets=_FAST, registry=self._registry
            )
            for name, (help_, labels) in _HISTOGRAMS.items()
        }
        self._gauges = {
            name: Gauge(_PREFIX + name, help_, labels, registry=self._registry)
            for name, (help_, labels) in _GAUGES.items()
        }
        build = Gauge(_PREFIX + "build_info", "Version.", ("version",), registry=self._registry)
        build.labels(version=__version__).set(1)

    def answered(self, route: AnyRoute, status: int, seconds: float | None) -> None:
        """Take note of one answer over HTTP."""
        if seconds is not None:
            self.time("request_seconds", seconds, route=route.name, status=str(status))
            return
        known = self._quick.get((id(route), status))  # routes live as long as we do
        if known is None:
            labels = {"route": route.name, "status": str(status)}
            known = self._child(self._counters, "quick_answers", labels)
            self._quick[id(route), status] = known
        known.inc()

    def count(self, name: str, number: float = 1, **labels: str) -> None:
        """Add to a counter."""
        self._child(self._counters, name, labels).inc(number)

    def time(self, name: str, seconds: float, **labels: str) -> None:
        """Add to a histogram."""
        self._child(self._histograms, name, labels).observe(seconds)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._child(self._gauges, name, labels).set(value)

    def follow(self, name: str, value: Callable[[], float]) -> None:
        """Have a gauge read a value whenever somebody asks for it."""
        self._gauges[name].set_function(value)

    def _child(self, metrics: dict[str, Any], name: str, labels: dict[str, str]) -> Any:
        """Return a metric for its labels; the library's own way to it is slow."""
        if not labels:
            return metrics[name]
        key = (name, *labels.items())
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metrics[name].labels(**labels)
        return child

    def text(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        return generate_latest(self._registry)
