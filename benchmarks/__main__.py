"""Every benchmark, one after the other, with the conditions they ran under."""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Coroutine
from typing import Any

from benchmarks import client, followers, freeze_path, ingest, memory, pages, reads
from benchmarks.detection import throughput
from freezeguard.bootstrap.logging import configure_logging

QUICK = {
    "freeze": (2, 10, [0]),
    "ingest": (2, 10, 1_000_000),
    "reads": (2, 4_000, 100_000),
    "followers": (2, 10),
    "memory": (100_000,),
    "client": (2, 60_000, 10_000),
    "detection": (2, 20_000, 60_000),
    "pages": (500, 30_000, 2_000, 5.0),
}
WHOLE = {
    "freeze": (5, 40, [0, 1_000, 5_000]),
    "ingest": (5, 40, 1_000_000),
    "reads": (5, 20_000, 1_000_000),
    "followers": (5, 40),
    "memory": (1_000_000,),
    "client": (5, 300_000, 10_000),
    "detection": (5, 100_000, 600_000),
    "pages": (10_000, 1_000_000, 20_000, 50.0),
}


def conditions() -> str:
    """Return what the figures were measured on."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"Python {platform.python_version()}, {os.cpu_count()} CPUs, {platform.system()} "
        f"{platform.machine()}, load {load} (1, 5, 15 minutes)"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("only", nargs="*", choices=[*WHOLE, []], help="leave out the others")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works")
    asked = parser.parse_args()
    sizes = QUICK if asked.quick else WHOLE
    wanted: dict[str, Coroutine[Any, Any, None]] = {}
    for name, (measure, size) in {
        "freeze": (freeze_path.main, sizes["freeze"]),
        "ingest": (ingest.main, sizes["ingest"]),
        "reads": (reads.main, sizes["reads"]),
        "followers": (followers.main, sizes["followers"]),
        "memory": (memory.main, sizes["memory"]),
        "client": (client.main, sizes["client"]),
        "detection": (throughput.run, sizes["detection"]),
        "pages": (pages.main, sizes["pages"]),
    }.items():
        if not asked.only or name in asked.only:
            wanted[name] = measure(*size)
    configure_logging("auto", "warning")  # of setting the stage; what is measured logs for itself
    print(conditions(), flush=True)
    for work in wanted.values():
        asyncio.run(work)
    print(conditions())
    return 0


if __name__ == "__main__":
    sys.exit(main())
