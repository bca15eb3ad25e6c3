"""The shop as a process: it starts, says where it is, and ends for sure."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from freezeguard.sampleshop.client import ShopError, ShopProcess, running_shop

START_AND_DIE = """
import os, sys
from freezeguard.sampleshop.client import ShopProcess
shop = ShopProcess().start()
print(shop.pid, flush=True)
os.kill(os.getpid(), 9)
"""


async def test_running_shop_comes_and_goes():
    """`running_shop` gives a stocked shop on a free port and leaves no process behind."""
    children = set(psutil.Process().children())
    async with running_shop(seed=3, skus=["A/1"], products=[{"sku": "B", "stock": 0}]) as shop:
        started = set(psutil.Process().children()) - children
        assert ["A/1", "SKU-000001", "SKU-000002", "SKU-000003"] == await shop.sellable()

    assert 1 == len(started)
    assert not any(process.is_running() for process in started)


def test_shop_ends_with_the_process_that_started_it():
    """A test run that is killed with -9 leaves no shop behind."""
    done = subprocess.run(
        [sys.executable, "-c", START_AND_DIE],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    shop = int(done.stdout)

    try:
        psutil.Process(shop).wait(10)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        psutil.Process(shop).kill()
        raise


def test_seed_file(tmp_path):
    """`--skus FILE` stocks the shop; the port and the token can be chosen."""
    (tmp_path / "skus.txt").write_text("A\nB\n")
    with ShopProcess("--skus", str(tmp_path / "skus.txt"), "--admin-token", "t") as process:
        assert "t" == process.admin_token
        assert process.url.startswith("http://127.0.0.1:")


def test_bad_seed_file_is_told(tmp_path):
    """A seed file that can't be read ends the start with an error, not with an empty shop."""
    (tmp_path / "skus.json").write_text(json.dumps([{"sku": "A", "colour": "red"}]))
    with pytest.raises(ShopError), ShopProcess("--skus", str(tmp_path / "skus.json")):
        pass


async def test_ten_thousand_skus():
    """10,000 SKUs can be stopped one after the other, and then none is sold."""
    async with running_shop(seed=10_000) as shop:
        products = (await shop._get("/admin/products"))["products"]
        queue = iter(products)

        async def stop_some():
            for product in queue:
                assert 200 == (await shop.change(product["id"], {"sale_stop": True}))[0]

        assert 10_000 == len(await shop.sellable())
        await asyncio.gather(*(stop_some() for _ in range(8)))
        assert [] == await shop.sellable()
        assert 10_000 == len(await shop.log())
