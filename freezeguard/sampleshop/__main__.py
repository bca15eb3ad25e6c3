"""Run the sample shop: `python -m freezeguard.sampleshop --port 0 --seed 1000`.

Prints one JSON line `{"url": …, "admin_token": …}` when it listens, and nothing else.
"""

import argparse
import asyncio
import json
import os
import random
import secrets
import signal
import sys
import time
from pathlib import Path

from freezeguard.sampleshop.faults import Faults
from freezeguard.sampleshop.premises import Premises
from freezeguard.sampleshop.products import numbered_products, parse_seed_file
from freezeguard.sampleshop.server import ShopServer
from freezeguard.sampleshop.shop import Shop
from freezeguard.sampleshop.truthlog import TruthLog


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m freezeguard.sampleshop")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100, help="0 takes a free one")
    parser.add_argument("--skus", type=Path, help="JSON array, NDJSON, or one SKU per line")
    parser.add_argument("--seed", type=int, default=0, help="make so many numbered products")
    parser.add_argument("--admin-token", help="default: a new random one")
    parser.add_argument("--fences", action="store_true", help="refuse older revisions with 409")
    parser.add_argument("--fault-seed", type=int, default=1, help="for faults by chance")
    parser.add_argument("--keep-alive", type=float, default=75, help="idle seconds of a connection")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end with the process that started it"
    )
    return parser.parse_args()


def _stocked_shop(arguments: argparse.Namespace) -> Shop:
    shop = Shop(fences=arguments.fences)
    shop.add(numbered_products(arguments.seed))
    if arguments.skus is not None:
        shop.add(parse_seed_file(arguments.skus.read_bytes()))
    return shop


def _watch_for_the_end(stop: asyncio.Event, *, stdin: bool) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    if stdin:
        descriptor = sys.stdin.fileno()

        def read() -> None:
            if not os.read(descriptor, 4096):
                loop.remove_reader(descriptor)
                stop.set()

        loop.add_reader(descriptor, read)


async def _run(arguments: argparse.Namespace, shop: Shop) -> None:
    premises = Premises(
        shop=shop,
        log=TruthLog(),
        faults=Faults(random.Random(arguments.fault_seed)),  # noqa: S311 - chance, not secrecy
        admin_token=arguments.admin_token or secrets.token_urlsafe(24),
        clock=time.time_ns,
    )
    stop = asyncio.Event()
    _watch_for_the_end(stop, stdin=arguments.until_stdin_closes)
    server = ShopServer(premises, arguments.host, arguments.port, arguments.keep_alive)
    await server.start()
    try:
        line = json.dumps({"url": server.url, "admin_token": premises.admin_token})
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await server.stop()


def main() -> int:
    """Run until a signal, or until stdin closes where that was asked for."""
    arguments = _arguments()
    try:
        asyncio.run(_run(arguments, _stocked_shop(arguments)))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"sample shop: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
