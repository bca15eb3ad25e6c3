"""What is counted and timed. Names are those of the metrics page, without the prefix."""

from typing import Protocol


class Metrics(Protocol):
    """Takes measurements. Labels never name a SKU or a customer."""

    def count(self, name: str, number: float = 1, **labels: str) -> None:
        """Add to a counter."""
        ...

    def time(self, name: str, seconds: float, **labels: str) -> None:
        """Add to a histogram of seconds."""
        ...

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        ...


class NoMetrics:
    """Measures nothing: for tests and one-off commands."""

    def count(self, name: str, number: float = 1, **labels: str) -> None:
        """Add to no counter."""

    def time(self, name: str, seconds: float, **labels: str) -> None:
        """Add to no histogram."""

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set no gauge."""
