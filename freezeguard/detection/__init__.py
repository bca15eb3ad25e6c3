"""Detection: pure statistics over signals, the same live, in shadow, in preview and in backtest."""

from freezeguard.detection.statistics.cusum import cusum_average_run_length
from freezeguard.detection.statistics.gamma import gamma_posterior_tail
from freezeguard.detection.statistics.maxsprt import maxsprt_critical_value

__all__ = ["cusum_average_run_length", "gamma_posterior_tail", "maxsprt_critical_value"]
