"""How a person names a case: by its id, a unique beginning of it, or its number."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from freezeguard.cli import remote
from freezeguard.cli.failures import Exit, Failure

if TYPE_CHECKING:
    from freezeguard.bootstrap.administration import Administration

CaseName = Annotated[
    str,
    typer.Argument(metavar="CASE", help="Its number, its id, or a unique beginning of the id."),
]
PAGE = 1000


def case_id(name: str) -> UUID:
    """Return the id of a case that the service lists. Raises Failure for none and for several."""
    exact = _exact(name)
    if exact is not None:
        return exact
    listed = remote.pages("/v1/cases", {}, 1_000_000)
    return _chosen(name, ((UUID(one["id"]), one["number"]) for one in listed))


async def stored_case_id(admin: "Administration", name: str) -> UUID:
    """Return the id of a case in the database. Raises Failure for none and for several."""
    from freezeguard.ports.rows import CaseFilter
    from freezeguard.ports.storage import Transaction

    exact = _exact(name)
    if exact is not None:
        return exact

    async def work(tx: Transaction) -> list[tuple[UUID, int]]:
        found: list[tuple[UUID, int]] = []
        page = await tx.cases.listed(CaseFilter(limit=PAGE))
        while page:
            found.extend((one.id, one.number) for one in page)
            before = page[-1].opened_at, page[-1].id
            page = await tx.cases.listed(CaseFilter(before=before, limit=PAGE))
        return found

    return _chosen(name, await admin.database.run(work))


def _exact(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def _chosen(name: str, cases: Iterable[tuple[UUID, int]]) -> UUID:
    """Choose by number, or else by the beginning of the id; ids begin with 0 for centuries yet."""
    is_number = name.isascii() and name.isdigit() and not name.startswith("0")
    fitting = []
    for case, number in cases:
        if is_number and number == int(name):
            return case
        if not is_number and name and str(case).startswith(name.lower()):
            fitting.append(f"{number} ({case})")
            only = case
    if len(fitting) == 1:
        return only
    if not fitting:
        raise Failure(
            Exit.REFUSED, "not_found",
            f"There is no case {name!r}, or it is not yours; `freezeguard cases list --all` "
            "shows numbers and ids.",
        )
    shown = ", ".join(fitting[:5]) + (" and others" if len(fitting) > 5 else "")
    raise Failure(
        Exit.USAGE, "ambiguous_case",
        f"{name!r} fits more than one case: {shown}. Write more of it.",
    )
