"""`freezeguard freeze`: pull the cord."""

import shlex
from typing import Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.emergency import check_that_it_is_one, stop_in_emergency
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import moment, print_json

HELP = examples(
    "freezeguard freeze KETTLE-17 --comment 'Third caller today: the handle breaks off.'",
    "freezeguard freeze KETTLE-17 --reason safety_injury --lot L-0921",
    "freezeguard freeze KETTLE-18 --insist",
    "freezeguard freeze KETTLE-17 --emergency --as mara --comment 'Handle breaks off; burns.'",
    text="Stop the sale of a SKU. One associate pauses it for 15 minutes and asks for a second "
    "opinion; a second associate, a safety reason, a manager or an analyst freezes it. On an open "
    "case it seconds a suspicion, or freezes again what was reinstated. Reasons: defective, "
    "wrong_item, mislabelled, safety_injury, safety_hazard, authority_order, other. A SKU that is "
    "not registered may be misspelt: it is not stopped, and the nearest ones are named. --insist "
    "stops it. --emergency needs neither the service nor its database: on a machine of the service "
    "it goes straight to the catalogues, reads back, and leaves an order on disk that becomes a "
    "freeze of the whole SKU once the database is back. Exit code 1 where the SKU is not seen "
    "stopped everywhere. It may be repeated.",
)


def freeze(
    sku: Annotated[str, typer.Argument(metavar="SKU", help="What is not to be sold.")],
    *,
    reason: Annotated[str, typer.Option(help="Reason code.")] = "defective",
    comment: Annotated[str, typer.Option(help="What happened, in your words.")] = "",
    lot: Annotated[str | None, typer.Option(help="Only this lot.")] = None,
    seller: Annotated[str | None, typer.Option(help="Only this seller.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only this channel.")] = None,
    country: Annotated[str | None, typer.Option(help="Only this country.")] = None,
    lane: Annotated[str | None, typer.Option(help="quality, safety or authority.")] = None,
    document: Annotated[str | None, typer.Option(help="Reference of an order.")] = None,
    insist: Annotated[
        bool, typer.Option("--insist", help="Stop it although it is not registered.")
    ] = False,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Straight to the catalogues, without the service.")
    ] = False,
    catalogue: Annotated[
        str | None, typer.Option(help="With --emergency: only in this one at once.")
    ] = None,
    level: Annotated[str | None, typer.Option(help="With --emergency: hide or hard.")] = None,
    person: Annotated[
        str | None, typer.Option("--as", help="With --emergency: the id of whom you act for.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Pull the cord."""
    with reported(as_json=as_json):
        narrow = {"lot": lot, "seller": seller, "channel": channel, "country": country,
                  "lane": lane, "document": document}
        if emergency:
            stop_in_emergency(
                sku, reason=reason, comment=comment, catalogue=catalogue, level=level,
                person=person, narrow=narrow, as_json=as_json,
            )
            return
        check_that_it_is_one({"catalogue": catalogue, "level": level, "as": person})
        scope = {"sku": sku, "lot": lot, "seller": seller, "channel": channel, "country": country}
        body = {
            "scope": {name: value for name, value in scope.items() if value is not None},
            "reason_code": reason, "comment": comment, "lane": lane, "document": document,
        }
        sent = {name: value for name, value in body.items() if value is not None}
        if not insist:
            _check_that_it_is_known(sku)
        status, answer = remote.exchange("POST", "/v1/freezes", body=sent)
        case = remote.granted(status, answer)
        if as_json:
            print_json(case)
            return
        print(f"{sku}: case {case['number']} is {case['state']}.")
        if not case["known"]:
            print(f"{sku} is not registered: this stops what a catalogue sells by that name.")
        if case["state"] == "suspected":
            print(_what_is_missing(case, is_new=status == 201))
        print(f"{remote.service_url()}/v1/cases/{case['id']}")
        print(f"Follow it: freezeguard cases show {case['number']}")


def _check_that_it_is_known(sku: str) -> None:
    """Raise Failure where the service knows that nobody has registered the SKU.

    Where it can't say, the cord is pulled: stopping comes before spelling.
    """
    status, answer = remote.exchange("GET", f"/v1/skus/{remote.segment(sku)}")
    if status != 404 or answer.get("code") != "not_found":
        return
    raise Failure(
        Exit.REFUSED, "unknown_sku",
        f"{answer['detail']} Nothing was stopped. If the name is right, add --insist.",
    )


def _what_is_missing(case: dict[str, Any], *, is_new: bool) -> str:
    """Say who must agree until when; a pull that changed nothing was the same person's again."""
    due = [
        one["due_at"] for one in case["clocks"]
        if one["kind"] == "second_opinion" and one["stopped_at"] is None
    ]
    by = f" until {moment(due[0])}" if due else ""
    if is_new or not case["opened_by"].startswith("person:"):
        sku = shlex.quote(case["scope"]["sku"])
        return f"Another associate may agree{by}: freezeguard freeze {sku}"
    return f"Nobody seconds their own pull; another associate may{by}."
