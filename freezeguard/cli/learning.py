"""`freezeguard rules learn-priors`: what is usual, from the shop's own past."""

from typing import TYPE_CHECKING

from freezeguard.cli.database import administer
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples, read_settings
from freezeguard.cli.output import print_json, print_table, progress, say

if TYPE_CHECKING:
    from freezeguard.bootstrap.administration import Administration
    from freezeguard.detection.daybook import Prior
    from freezeguard.services.detecting.learning import Taught

HELP = examples(
    "freezeguard rules learn-priors", "freezeguard rules learn-priors --json",
    text="Learn now, and not only at night, how often items are complained of: in all, and by "
    "category where 200 items or more can tell. Rules that compare an item with what is usual "
    "take that for usual where an item's own past says little. Shows what was usual before and is "
    "from now on; every change is recorded. Straight in the database, beside a running service.",
)


def learn_priors(*, as_json: AsJson = False) -> None:
    """Learn what is usual from the shop's own past."""
    with reported(as_json=as_json):
        if not read_settings().detection.learn_priors:
            raise Failure(
                Exit.REFUSED, "learning_is_off",
                "detection.learn_priors is off in the settings: what is built in counts.",
            )
        taught = administer(_learn)
        if taught is None:
            raise Failure(
                Exit.REFUSED, "learning_already", "Somebody else is at it: try again in a minute."
            )
        if as_json:
            print_json({"items": [one.as_dict() for one in taught]})
            return
        print_table(
            ("category", "items", "usual", "before", "remark"), [_row(one) for one in taught]
        )
        if not any(one.says for one in taught):
            say("Too few items have a past of more than 65 days: what is built in counts.")


async def _learn(admin: "Administration") -> "list[Taught] | None":
    from freezeguard.bootstrap.surroundings import ids_by
    from freezeguard.services.detecting.learning import PriorLearning

    learning = PriorLearning(admin.database, admin.now, ids_by(admin.now))
    with progress() as bar:
        task = bar.add_task("reading the past", total=None, pace="")
        return await learning.learn(admin.by, progress=lambda n: bar.update(task, advance=n))


def _row(one: "Taught") -> tuple[str, ...]:
    category, unit = one.group
    return (
        category or "all items", f"{one.items:,}", _in_figures(one.after, unit),
        _in_figures(one.before, unit) if one.has_changed else "the same", _remark(one),
    )


def _in_figures(prior: "Prior", unit: str) -> str:
    """Write a usual rate as people say it."""
    if unit == "units":
        return f"{1000 * prior.rate:.3g} in 1,000 units"
    return f"{365.25 * prior.rate:.3g} a year"


def _remark(one: "Taught") -> str:
    if one.says is None:
        return "too few items"
    if one.is_bounded:
        return f"bounded: the past says {_in_figures(one.says, one.group[1])}"
    return ""
