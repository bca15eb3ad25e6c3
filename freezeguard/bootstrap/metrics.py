"""Metrics for Prometheus, prefix `freezeguard_`. No label names a SKU or a customer."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from freezeguard import __version__

_PREFIX = "freezeguard_"
_FAST = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

_COUNTERS = {
    "signals_received": ("Signals received.", ("result",)),
    "freezes": ("Freezes ordered.", ("by",)),
    "catalogue_requests": ("Calls to catalogues.", ("catalogue", "outcome")),
    "catalogue_drift": ("Objects found on sale although stopped.", ("catalogue",)),
    "notices": ("Delivery attempts of notices.", ("channel", "result")),
    "evaluations_swept": ("Evaluations that somebody had left behind.", ()),
}
_HISTOGRAMS = {
    "stop_confirmed_seconds": ("From the commit of a hold to its read-back.", ("catalogue",)),
    "request_seconds": ("Answering requests.", ("route", "status")),
    "commit_seconds": ("Storing one group of signals.", ("lane",)),
}
_GAUGES = {
    "held_skus": ("SKUs that are held.", ()),
    "held_set_revision": ("Revision of the held set in this replica.", ()),
    "held_set_age_seconds": ("Since this replica last heard of the held set.", ()),
    "breaker_open": ("Whether calls to a catalogue are held back.", ("catalogue",)),
}


class PrometheusMetrics:
    """Counters, histograms and gauges in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
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

    def count(self, name: str, number: float = 1, **labels: str) -> None:
        """Add to a counter."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(number)

    def time(self, name: str, seconds: float, **labels: str) -> None:
        """Add to a histogram."""
        histogram = self._histograms[name]
        (histogram.labels(**labels) if labels else histogram).observe(seconds)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def text(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        return generate_latest(self._registry)
