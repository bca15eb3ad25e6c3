"""Writes a large past for `freezeguard backtest`: complaints by Zipf's law, and units shipped.

`python -m benchmarks.detection.big_past DIRECTORY` writes `complaints.csv` and `shipped.csv`: ten
million complaints of two years about a million SKUs, whose popularity follows Zipf's law, and every
four weeks the units shipped of the hundred thousand most popular ones. One SKU in a thousand has a
defect that brings ten times its complaints for sixty days. The same seed writes the same files.
"""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, BETWEEN = 730, 28
RATE = 0.003
"""Complaints per unit shipped of a sound item."""
DEFECTIVE, FACTOR, LASTS = 0.001, 10, 60
SEVERITIES = ("minor", "minor", "major", "critical")
AT_ONCE = 500_000


def shares_of(skus: int) -> NDArray[np.float64]:
    """Return the share of each SKU in all complaints, by Zipf's law."""
    share = 1 / np.arange(1, skus + 1)
    return np.asarray(share / share.sum())


def complaints(
    chance: np.random.Generator, share: NDArray[np.float64], number: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return SKU and second of each complaint, in order of time; those of defects besides."""
    skus = [chance.choice(len(share), number, p=share)]
    seconds = [chance.random(number) * DAYS * 86_400]
    for sku in np.flatnonzero(chance.random(len(share)) < DEFECTIVE).tolist():
        begun = chance.random() * (DAYS - LASTS)
        extra = chance.poisson(share[sku] * number * LASTS / DAYS * (FACTOR - 1))
        skus.append(np.full(extra, sku))
        seconds.append((begun + chance.random(extra) * LASTS) * 86_400)
    of, at = np.concatenate(skus), np.concatenate(seconds)
    order = np.argsort(at)
    return of[order], at[order]


def write_complaints(
    file: Any, chance: np.random.Generator, of: NDArray[np.int64], at: NDArray[np.float64]
) -> None:
    """Write complaints, each by a customer of its own but for one in twenty."""
    file.write("ticket,sku,created,customer,severity,intent\n")
    for first in range(0, len(of), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        bad = chance.choice(len(SEVERITIES), len(of[part])).tolist()
        again = (chance.random(len(of[part])) < 0.05).tolist()
        for n, (sku, second, grave, same) in enumerate(
            zip(of[part].tolist(), at[part].tolist(), bad, again, strict=True), first
        ):
            moment = START + timedelta(seconds=int(second))
            customer = f"c-{sku}" if same else f"c-{n}"
            file.write(
                f"t-{n},SKU-{sku:07d},{moment:%Y-%m-%dT%H:%M:%SZ},{customer},"
                f"{SEVERITIES[grave]},defect\n"
            )


def write_units(file: Any, share: NDArray[np.float64], number: int, shipping: int) -> None:
    """Write the units that explain the complaints of the most popular SKUs."""
    file.write("id,sku,day,qty\n")
    for sku, part in enumerate(share[:shipping].tolist()):
        units = max(1, round(part * number / RATE / DAYS * BETWEEN))
        for day in range(0, DAYS, BETWEEN):
            when = (START + timedelta(days=day)).date()
            file.write(f"u-{sku}-{day},SKU-{sku:07d},{when},{units}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="big_past", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--signals", type=int, default=10_000_000)
    parser.add_argument("--skus", type=int, default=1_000_000)
    parser.add_argument("--shipping", type=int, default=100_000, help="so many SKUs report units")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    asked.directory.mkdir(parents=True, exist_ok=True)
    chance, share = np.random.default_rng(asked.seed), shares_of(asked.skus)
    with (asked.directory / "complaints.csv").open("w", encoding="ascii") as file:
        write_complaints(file, chance, *complaints(chance, share, asked.signals))
    with (asked.directory / "shipped.csv").open("w", encoding="ascii") as file:
        write_units(file, share, asked.signals, asked.shipping)
    return 0


if __name__ == "__main__":
    sys.exit(main())
