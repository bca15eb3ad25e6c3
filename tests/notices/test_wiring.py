"""The whole service: a storm of freezes, its mails, and an answer to one of them."""

from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

from freezeguard.bootstrap.receiving import receiving_on
from freezeguard.notices.inbound import read_mail
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.notices.test_inbound import mail
from tests.rig import shop_with_service, until

SKUS = tuple(f"kettle-{n}" for n in range(8))
MAIL = {
    "digest_after": 2, "digest_every": "2s", "domain": "shop.example",
    "reply_to": "quality+{case}@shop.example",
}


def subject(one: Message) -> str:
    return str(make_header(decode_header(str(one["Subject"]))))


async def test_a_storm_of_freezes_by_the_settings(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
) -> None:
    """Eight freezes: each statement by itself, the rest in digests; all sent; an answer arrives."""
    async with shop_with_service(dsns, tmp_path, skus=SKUS, seed=0, mail=MAIL) as rig:
        service = rig.service
        assert service is not None
        for sku in SKUS:
            await rig.complain(sku)
        for sku in SKUS:
            await rig.in_state(sku, "frozen")

        async def all_sent() -> bool:
            cases = [(await rig.cases(sku))[0]["id"] for sku in SKUS]
            notices = [one for case in cases for one in (await rig.case(case))["notices"]]
            kinds = {one["kind"] for one in notices}
            return "frozen_confirmed" in kinds and {"sent"} == {one["state"] for one in notices}

        await until(all_sent, "every notice sent", seconds=20)
        mails = rig.mailbox.to("quality@acme.example")
        subjects = [subject(one) for one in mails]
        assert 8 == sum("Sale stopped" in one for one in subjects)
        assert any("notice" in one and " of the shop" in one for one in subjects)
        confirmed = sum("Stop confirmed" in one for one in subjects)
        assert confirmed < 8

        [case] = await rig.cases(SKUS[0])
        [letter] = [one for one in mails if f"[{case['number']}] Sale stopped" in subject(one)]
        assert f"quality+{case['number']}@shop.example" == letter["Reply-To"]
        sent = mail("On our way.", From="quality@acme.example", To=str(letter["Reply-To"]))
        await receiving_on(service.database, service.settings).take(read_mail(sent.as_bytes()))
        timeline = await rig.call("GET", f"/v1/cases/{case['id']}/timeline", "owen")
        [comment] = [one for one in timeline.body["items"] if one["command"] == "comment"]
        assert "vendor:acme" == comment["actor"]
        assert comment["arguments"]["comment"].startswith("On our way.")
