"""`freezeguard webhooks` against a running service and a receiver on loopback."""

from pathlib import Path

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.cli.test_remote import shell_of
from tests.rig import shop_with_service
from tests.webhooks.farm import receiving


async def test_an_endpoint_is_led_from_a_terminal(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
) -> None:
    """Add, list, test, rotate, replay, deliveries, disable, enable, remove; refusals are told."""
    async with receiving() as receiver:
        opened = {"allow_private": True, "ports": [receiver.port]}
        async with shop_with_service(dsns, tmp_path, seed=1, webhooks=opened) as rig:
            vera = shell_of(rig, "vera", tmp_path)
            added = await vera.run("webhooks", "add", receiver.url, "--scheme", "v1")
            refused = await vera.run("webhooks", "add", "https://10.0.0.1:22/")
            [listed] = (await vera.run("webhooks", "list", "--json")).document["items"]
            own = listed["id"]
            well = await vera.run("webhooks", "test", own)
            receiver.status = 503
            ill = await vera.run("webhooks", "test", own, "--json")
            receiver.status = 200
            rotated = await vera.run("webhooks", "rotate", own, "--json")
            again = await vera.run("webhooks", "replay", own, "--since", "2026-11-25T00:00:00Z")
            log = await vera.run("webhooks", "deliveries", own)
            fewer = await vera.run("webhooks", "change", own, "--type", "case.released", "--json")
            every = await vera.run("webhooks", "change", own, "--all-types")
            both = await vera.run("webhooks", "change", own, "--all-types", "--type", "a")
            nothing = await vera.run("webhooks", "change", own)
            off = await vera.run("webhooks", "disable", own)
            on = await vera.run("webhooks", "enable", own)
            gone = await vera.run("webhooks", "remove", own)
            nowhere = await vera.run("webhooks", "rotate", own)

    assert (0, True, True) == (added.code, added.out.startswith("whsec_"), own in added.err)
    assert (4, True) == (refused.code, "port 22" in refused.err)
    assert (receiver.url, "active") == (listed["url"], listed["state"])
    assert (0, True) == (well.code, "taken over" in well.out)
    assert (1, "answered 503") == (ill.code, ill.document["attempt"]["error"])
    assert rotated.document["secret"].startswith("whsec_")
    assert rotated.document["secret"] != added.out.strip()
    assert "0 messages are queued again.\n" == again.out
    assert ["webhook.test", "webhook.test"] == [
        line.split("\t")[1] for line in log.out.splitlines()[1:]
    ]
    assert (["case.released"], receiver.url) == (fewer.document["types"], fewer.document["url"])
    assert (0, True) == (every.code, "types        all" in every.out)
    assert [2, 2] == [both.code, nothing.code]
    assert ["disabled", "active", "deleted"] == [
        one.out.split()[-1].rstrip(".") for one in (off, on, gone)
    ]
    assert (4, True) == (nowhere.code, "no webhook endpoint" in nowhere.err)
