"""`freezeguard migrate`: bring the schema up to date, or say what that would do."""

from typing import TYPE_CHECKING, Annotated

import typer

from freezeguard.cli.failures import reported
from freezeguard.cli.options import AsJson, examples, quiet_logs, read_settings

if TYPE_CHECKING:
    from freezeguard.storage.migrations import Migration

HELP = examples(
    "freezeguard migrate --plan",
    "FREEZEGUARD_MIGRATION_URL=postgresql://owner:…@db/freezeguard freezeguard migrate",
    text="Apply pending migrations, under a lock that excludes other migrators. It may run while "
    "the service runs. An embedded database is migrated by whatever starts first. With --plan it "
    "shows what is pending and changes nothing.",
)


def migrate(
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what is pending.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the schema up to date."""
    from freezeguard.cli.output import print_json

    with reported(as_json=as_json):
        quiet_logs()
        settings = read_settings()
        from asyncio import run

        from freezeguard.bootstrap import database

        work = database.plan_migrations if plan else database.apply_migrations
        migrations = run(work(settings))
        if as_json:
            names = [one.path.name for one in migrations]
            print_json({"pending" if plan else "applied": names})
        elif plan:
            _print_plan(migrations)
        else:
            for one in migrations:
                print(f"applied {one.path.name}")
            print("The schema is up to date.")


def _print_plan(migrations: "list[Migration]") -> None:
    for one in migrations:
        print(f"-- {one.path.name}\n{one.sql.strip()}\n")
    if not migrations:
        print("-- Nothing is pending.")
