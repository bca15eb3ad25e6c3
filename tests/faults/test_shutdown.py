"""A replica that is told to stop while it works: nothing of it lives on, and nothing is lost."""

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.settings import Settings
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.steps import cannot_be_bought, pull
from tests.faults.observing import shop_calls
from tests.faults.stage import a_stage
from tests.rig import fast_settings, until

SLOW = 4.0
"""Seconds that the shop takes to answer: longer than the replica has to finish."""


async def test_work_that_outlasts_the_stop_is_given_up_and_taken_over(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """It ends in time, tells no person of a catalogue that failed, and the next one stops it."""
    async with a_stage(dsns, tmp_path, skus=("LATE",)) as stage:
        rig = stage.rig
        await rig.shop.faults(slow=SLOW, skus=["LATE"])
        settings = fast_settings(
            dsns, tmp_path, rig.shop, stage.settings["mail"]["port"], limits={"drain_seconds": 0.1})
        with capture_logs() as logs:
            async with open_service(Settings(**settings)) as doomed, doomed.serving():
                rig.url = doomed.url
                await pull(rig, "quin", "LATE")

                async def asked() -> bool:
                    return bool(await shop_calls(rig, "LATE"))

                await until(asked, "the shop has been asked")
            left = [one.get_name() for one in asyncio.all_tasks()]
        assert [] == [name for name in left if name.startswith("enforce")]
        assert [] == [one for one in logs if one["log_level"] != "info"]
        assert [{"status": "pending", "attempts": 0}] == await stage.sql(
            "SELECT status, attempts FROM catalogue_objects WHERE sku = 'LATE'")
        assert [] == await stage.sql("SELECT * FROM manual_tasks")

        await rig.shop.no_faults()
        await stage.sql("UPDATE catalogue_objects SET lease_until = now(), next_at = now()")
        await stage.replica("heir")
        await rig.in_state("LATE", "frozen")
        await cannot_be_bought(rig, "LATE")
