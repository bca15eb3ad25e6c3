"""Kill -9 at exactly the points where something has happened and is not on record yet."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from freezeguard.ports.notices import message_id_for
from freezeguard.sampleshop.client import running_shop, sample_configuration
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.steps import (
    approve,
    ask_for_approval,
    cannot_be_bought,
    is_sold_again,
    pull,
    reaches,
    timeline,
)
from tests.faults.observing import newest, seen, shop_calls, statuses
from tests.faults.stage import Stage, a_stage, said_by
from tests.rig import Rig, ServiceProcess, until
from tests.webhooks.farm import receiving

CALM = {"verify_every": 2.0}
RECOVERY = 10.0
"""Seconds after a restart until a crossing must have stopped its SKU; a lease is 5 s."""
SLACK = 3
"""How much longer it may take on a busy machine."""


async def killed_when_halted(replica: ServiceProcess) -> None:
    """Kill a replica once it has got to its point."""
    assert "halted" == await said_by(replica)
    await replica.kill()


async def test_killed_between_commit_and_evaluation(dsns: OwnerAndRuntimeDsns, tmp_path: Path):
    """Answered 202, never evaluated, no further signal: the next replica finds the crossing."""
    skus = tuple(f"LEFT-{n}" for n in range(5))
    async with a_stage(dsns, tmp_path, skus=skus) as stage:
        rig = stage.rig
        doomed = await stage.halting("doomed", "evaluation")
        batch = [rig.complaint(sku, f"customer-{n}") for sku in skus for n in range(5)]
        answer = await rig.call("POST", "/v1/signals", "source", json=batch)
        assert (202, len(batch)) == (answer.status, answer.body["accepted"])
        await killed_when_halted(doomed)
        assert [{"cases": 0}] == await stage.sql("SELECT count(*) AS cases FROM cases")
        assert sorted(skus) == await rig.shop.sellable()

        await stage.replica("heir")
        for sku in skus:
            await _stopped(rig, sku)
            case = await rig.in_state(sku, "frozen", seconds=RECOVERY)
            assert 5 == case["evidence"]["signals"]
            assert 1 == len(await rig.cases(sku))


async def test_killed_after_the_stop_before_it_was_recorded(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """One case, one stop repeated, and the before-image is that of before the first stop."""
    async with a_stage(dsns, tmp_path, skus=("HALF-DONE",)) as stage:
        rig, sku = stage.rig, "HALF-DONE"
        before = await rig.shop.product(sku)
        doomed = await stage.halting("doomed", "stop applied")
        await rig.complain(sku)
        await killed_when_halted(doomed)
        await cannot_be_bought(rig, sku)
        assert 1 == len(await shop_calls(rig, sku, "stop"))

        await stage.replica("heir")
        case = await rig.in_state(sku, "frozen", seconds=RECOVERY)
        assert 1 == len(await rig.cases(sku))
        assert 2 == len(await shop_calls(rig, sku, "stop"))
        await approve(rig, await ask_for_approval(rig, case), "mara")
        await is_sold_again(rig, sku)
        assert before == {**await rig.shop.product(sku), "stock": before["stock"]}


async def test_released_before_the_stop_was_recorded(dsns: OwnerAndRuntimeDsns, tmp_path: Path):
    """Stopped by a replica that died, dismissed at once: the stop nobody knows of is taken back."""
    async with a_stage(dsns, tmp_path, skus=("UNKNOWN-STOP",)) as stage:
        rig, sku = stage.rig, "UNKNOWN-STOP"
        before = await rig.shop.product(sku)
        doomed = await stage.halting("doomed", "stop applied")
        case = await pull(rig, "alba", sku)
        await killed_when_halted(doomed)
        await stage.replica("heir")
        await rig.done(case, "dismiss", "owen", reason="wrong product")
        await is_sold_again(rig, sku, seconds=RECOVERY)
        assert before == {**await rig.shop.product(sku), "stock": before["stock"]}


async def test_killed_after_a_mail_before_it_was_recorded(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """No notice is lost; one comes twice, with the same Message-ID, and order is kept."""
    async with a_stage(dsns, tmp_path, skus=("MAILED",)) as stage:
        rig = stage.rig
        doomed = await stage.halting("doomed", "notice sent")
        await rig.complain("MAILED")
        await killed_when_halted(doomed)
        assert 1 == len(rig.mailbox.messages)

        # The lease of a notice is 30 s; here it has run out.
        await stage.sql("UPDATE notices SET lease_until = now() WHERE lease_until IS NOT NULL")
        await stage.replica("heir")
        await rig.in_state("MAILED", "frozen", seconds=RECOVERY)

        async def all_sent() -> bool:
            (left,) = await stage.sql("SELECT count(*) FROM notices WHERE state = 'queued'")
            return left["count"] == 0

        await until(all_sent, "every notice sent", seconds=20)
        ids = [str(one["Message-ID"]) for one in rig.mailbox.messages]
        (notices,) = await stage.sql("SELECT count(*) FROM notices WHERE state = 'sent'")
        assert notices["count"] == len(set(ids)) == len(ids) - 1
        assert 2 == ids.count(ids[0])
        to_vendor = [str(one["Message-ID"]) for one in rig.mailbox.to("quality@acme.example")]
        in_order = await stage.sql(
            "SELECT id FROM notices WHERE recipient = 'vendor:acme' AND state = 'sent' ORDER BY n"
        )
        wanted = [message_id_for(str(one["id"]), "localhost") for one in in_order]
        assert wanted == list(dict.fromkeys(to_vendor))


async def test_killed_after_a_webhook_was_taken_before_it_was_recorded(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """No message is lost; one comes twice, with the same id, and the order is kept."""
    async with receiving() as receiver:
        opened = {"allow_private": True, "ports": [receiver.port]}
        async with a_stage(dsns, tmp_path, skus=("POSTED",), webhooks=opened) as stage:
            doomed = await stage.halting("doomed", "webhook sent")
            await stage.rig.call(
                "POST", "/v1/webhook-endpoints", "vera", json={"url": receiver.url})
            await stage.rig.complain("POSTED")
            await killed_when_halted(doomed)
            assert 1 == len(receiver.requests)

            # The lease of an endpoint is 30 s; here it has run out.
            await stage.sql("UPDATE webhook_endpoints SET lease_until = now()")
            await stage.replica("heir")
            await stage.rig.in_state("POSTED", "frozen", seconds=RECOVERY)

            async def all_sent() -> bool:
                left = await stage.sql("SELECT state FROM webhook_deliveries")
                return [one["state"] for one in left] == ["sent", "sent"]

            await until(all_sent, "both messages sent", seconds=20)
            first, second = dict.fromkeys(receiver.ids)
            assert [first, first, second] == receiver.ids
            assert receiver.bodies[0] == receiver.bodies[1]


async def test_killed_between_the_two_halves_of_a_narrowing(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """The narrow hold is set and read back, the wide one still in force: the next one goes on.

    Neither part is sold in between, and of the narrow one nothing is released.
    """
    async with running_shop(skus=("HALVES",)) as market:
        second = {
            **sample_configuration(market.url, market.admin_token), "scope": {"channel": "market"},
        }
        async with a_stage(
            dsns, tmp_path, skus=("HALVES",), sells={"channel": "web"},
            catalogues={"market": second},
        ) as stage:
            rig, sku = stage.rig, "HALVES"
            before = await market.product(sku)
            doomed = await stage.halting("doomed", "narrow hold set")
            case = await reaches(rig, await pull(rig, "quin", sku), "frozen")
            await rig.done(
                case, "narrow", "mara", scope={"channel": "web"}, reason="web only",
                evidence_revision=case["evidence_revision"])
            await killed_when_halted(doomed)
            assert not (await rig.shop.buy(sku)).ok
            assert not (await market.buy(sku)).ok
            held = await stage.sql("SELECT state FROM holds WHERE case_id = $1", case["id"])
            assert ["active", "active"] == [one["state"] for one in held]

            await stage.replica("heir")

            async def superseded() -> bool:
                held = await stage.sql(
                    "SELECT channel, state FROM holds WHERE case_id = $1", case["id"])
                return {(one["channel"], one["state"]) for one in held} == {
                    ("web", "active"), (None, "superseded")}

            await until(superseded, "narrowed", seconds=RECOVERY)
            assert before == await market.product(sku)
            assert (await market.buy(sku)).ok
            await cannot_be_bought(rig, sku)
            assert [] == await shop_calls(rig, sku, "restore")


async def test_killed_between_the_commit_of_an_approval_and_what_follows(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """Nobody got an answer; the release is made all the same, once, exactly."""
    calm = {"probation_time": "1h"}
    async with a_stage(dsns, tmp_path, skus=("APPROVED",), policy=calm) as stage:
        rig, sku = stage.rig, "APPROVED"
        before = await rig.shop.product(sku)
        ordinary = await stage.replica("ordinary")
        case = await reaches(rig, await pull(rig, "quin", sku), "frozen")
        case = await ask_for_approval(rig, case)
        await ordinary.kill()
        doomed = await stage.halting("doomed", "command committed")
        asked = asyncio.create_task(rig.command(
            case, "approve", "mara", evidence_revision=case["evidence_revision"]))
        await killed_when_halted(doomed)
        with pytest.raises(aiohttp.ClientError):
            await asked
        await stage.replica("heir")
        case = await reaches(rig, case, "probation", seconds=RECOVERY)
        await is_sold_again(rig, sku)
        assert before == {**await rig.shop.product(sku), "stock": before["stock"]}
        commands = [one["command"] for one in await timeline(rig, case)]
        assert (1, 1) == (commands.count("approve"), commands.count("confirm_release"))


async def test_killed_with_a_clock_in_its_hands(dsns: OwnerAndRuntimeDsns, tmp_path: Path):
    """A pull's time is over and the replica that claimed the clock dies: it lapses, once."""
    async with a_stage(dsns, tmp_path, skus=("LAPSED",)) as stage:
        rig, sku = stage.rig, "LAPSED"
        doomed = await stage.halting("doomed", "clock claimed")
        case = await pull(rig, "alba", sku)
        await stage.sql(
            "UPDATE clocks SET due_at = now(), next_at = now() WHERE kind = 'second_opinion'")
        await killed_when_halted(doomed)
        await stage.replica("heir")
        case = await reaches(rig, case, "expired", seconds=RECOVERY)
        commands = [one["command"] for one in await timeline(rig, case)]
        assert 1 == commands.count("expire")
        await is_sold_again(rig, sku)


async def _stopped(rig: Rig, sku: str) -> None:
    """Wait until no cart takes it. Nothing is paid for: it would be sold out before it is seen."""

    async def refused() -> bool:
        return not (await rig.shop.open_cart(sku)).ok

    await until(refused, f"{sku} not buyable", seconds=RECOVERY)


# ------------------------------------------------------------------------------------ zombies


async def test_a_zombie_with_a_restore_in_its_hands(dsns: OwnerAndRuntimeDsns, tmp_path: Path):
    """Stopped by the system for longer than its lease; meanwhile frozen anew; then it wakes up.

    Its restore reaches the shop after the new stop. The SKU ends stopped within seconds, the case
    says what happened, and nothing of the old order is carried on.
    """
    await wake_the_dead(dsns, tmp_path, fences=False)


async def test_a_zombie_whose_restore_the_shop_itself_refuses(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """A shop that looks at the fencing revision never sells in between."""
    await wake_the_dead(dsns, tmp_path, fences=True)


async def wake_the_dead(
    dsns: OwnerAndRuntimeDsns, place: Path, *, fences: bool, number: int = 6
) -> list[str]:
    """Wake one with so many restores in its hands; return what the cases say of each drift."""
    skus, gaps = tuple(f"ZOMBIE-{n}" for n in range(number)), list[str]()
    arguments = ("--fences",) if fences else ()
    pace = {**CALM, "parallel_calls": max(16, 3 * number)}
    async with a_stage(dsns, place, skus=skus, shop_arguments=arguments, pace=pace) as stage:
        rig, gate = stage.rig, place / "gate"
        zombie = await stage.halting("zombie", "restore ready", gate)
        for sku in skus:
            case = await reaches(rig, await pull(rig, "owen", sku), "frozen")
            await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item")
        for _ in skus:
            assert "halted" == await said_by(zombie)
        zombie.process.send_signal(signal.SIGSTOP)

        await stage.replica("living")
        frozen = {sku: await _pulled(rig, sku) for sku in skus}
        for sku in skus:
            frozen[sku] = await reaches(rig, frozen[sku], "frozen", seconds=RECOVERY)
            await cannot_be_bought(rig, sku)
        await _leases_over(stage)

        restored = {sku: len(await shop_calls(rig, sku, "restore")) for sku in skus}
        gate.touch()
        zombie.process.send_signal(signal.SIGCONT)
        for sku in skus:
            await _landed(rig, sku, restored[sku])
        for sku in skus:
            await _stopped(rig, sku)
            if not fences:
                gaps.append(await _drift_recorded(rig, sku))
            case = await seen(rig, sku, "confirmed", lambda one: statuses(one) == ["confirmed"])
            assert frozen[sku]["id"] == case["id"]
            await cannot_be_bought(rig, sku)
    return gaps


async def _pulled(rig: Rig, sku: str) -> dict[str, Any]:
    """Pull the cord: in the old case, or in a new one where its release has been taken over.

    The zombie may hold a lock in the database; that ends with its transaction, after some seconds.
    """
    body = {"scope": {"sku": sku}, "reason_code": "defective", "comment": "It broke again."}

    async def accepted() -> dict[str, Any] | None:
        answer = await rig.call("POST", "/v1/freezes", "mara", json=body)
        assert answer.status in {200, 201, 503}, answer.body
        return None if answer.status == 503 else answer.body

    return dict(await until(accepted, f"{sku} pulled", seconds=SLACK * RECOVERY))


async def _drift_recorded(rig: Rig, sku: str) -> str:
    """Wait until the case says that it drifted; return for how long it may have been sold."""

    async def recorded() -> list[str]:
        events = await timeline(rig, await newest(rig, sku))
        return [one["arguments"]["detail"] for one in events if one["command"] == "drifted"]

    details = await until(recorded, f"{sku}: drift in the history")
    assert "it may have been sold for" in details[0]
    return str(details[0])


async def _leases_over(stage: Stage) -> None:
    """Wait until the lease that the zombie holds has run out, or was taken over."""

    async def over() -> bool:
        (running,) = await stage.sql(
            "SELECT count(*) FROM catalogue_objects WHERE lease_until > now() + interval '1 s'"
        )
        return running["count"] == 0

    await until(over, "leases over", seconds=15)


async def _landed(rig: Rig, sku: str, before: int) -> None:
    """Wait until the zombie's restore has reached the shop, whatever came of it.

    So many came `before`: of whoever took over what the zombie had in its hands.
    """

    async def there() -> bool:
        return len(await shop_calls(rig, sku, "restore")) > before

    await until(there, f"restore of {sku} at the shop")


async def test_a_zombie_with_a_stop_in_its_hands(dsns: OwnerAndRuntimeDsns, tmp_path: Path):
    """A stop that lands after its pull was dismissed and released is taken back within seconds."""
    async with a_stage(dsns, tmp_path, skus=("LATE-STOP",), pace=CALM) as stage:
        rig, sku, gate = stage.rig, "LATE-STOP", tmp_path / "gate"
        zombie = await stage.halting("zombie", "stop ready", gate)
        case = await pull(rig, "alba", sku)
        assert "halted" == await said_by(zombie)
        zombie.process.send_signal(signal.SIGSTOP)
        await stage.replica("living")
        await seen(rig, sku, "stopped", lambda one: statuses(one) == ["confirmed"], seconds=15)
        await rig.done(await newest(rig, sku), "dismiss", "owen", reason="wrong product")
        await is_sold_again(rig, sku)

        gate.touch()
        zombie.process.send_signal(signal.SIGCONT)

        async def landed_and_taken_back() -> bool:
            operations = [one["operation"] for one in await shop_calls(rig, sku, "stop", "restore")]
            return operations[-2:] == ["stop", "restore"] and operations.count("stop") == 2

        await until(landed_and_taken_back, "taken back", seconds=15)
        assert (await rig.shop.buy(sku)).ok
        assert "closed_false_alarm" == (await rig.case(case["id"]))["state"]
