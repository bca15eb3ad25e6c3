"""The command line: every command with its module. Exit codes: `freezeguard.cli.failures`."""

import gc
from typing import Annotated

import typer

from freezeguard import __version__
from freezeguard.cli import (
    audit,
    backtest,
    casecommands,
    cases,
    catalogues,
    chats,
    demo,
    doctor,
    evidence,
    freeze,
    holds,
    imports,
    inbound,
    keys,
    learning,
    mail,
    migrate,
    orderlists,
    people,
    questions,
    rulereview,
    rules,
    serve,
    signals,
    sources,
    status,
    subjects,
    suppressions,
    tuning,
    vendors,
    webhooks,
)

app = typer.Typer(
    name="freezeguard",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help loads no drawing library
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Stops the sale of a defective SKU within seconds, checks that it really stopped, and "
    "lets people reinstate it on evidence.",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"freezeguard {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Take options that stand before the command."""


app.command("serve", help=serve.HELP, short_help="Run the service.")(serve.serve)
app.command("demo", help=demo.HELP, short_help="The main job end to end.")(demo.demo)
app.command("status", help=status.HELP, short_help="Is it well? May a SKU be sold?")(status.status)
app.command("freeze", help=freeze.HELP, short_help="Stop the sale of a SKU.")(freeze.freeze)
app.command("holds", help=holds.HELP, short_help="All that may not be sold.")(holds.holds)
app.add_typer(cases.app, name="cases", help="The queue, one case, commands on it.")
cases.app.command("command", help=casecommands.COMMAND, short_help="Give a command.")(
    casecommands.command
)
cases.app.command(
    "commands", help=casecommands.COMMANDS, short_help="What may be done, and what it needs."
)(casecommands.commands)
cases.app.command("questions", help=questions.QUESTIONS, short_help="What is asked on a case.")(
    questions.questions
)
cases.app.command("ask", help=questions.ASK, short_help="Ask, with a time to answer.")(
    questions.ask
)
cases.app.command("answer", help=questions.ANSWER, short_help="Answer a question.")(
    questions.answer
)
cases.app.command("attach", help=evidence.ATTACH, short_help="Attach a file as evidence.")(
    evidence.attach
)
cases.app.command("evidence", help=evidence.EVIDENCE, short_help="List or fetch its files.")(
    evidence.evidence
)
cases.app.command("orders", help=orderlists.HELP, short_help="Paid for, and not sent yet.")(
    orderlists.orders
)
app.add_typer(rules.app, name="rules", help="When complaints are enough.")
rules.app.command("tune", help=tuning.HELP, short_help="Find a bound for a budget.")(tuning.tune)
rules.app.command(
    "learn-priors", help=learning.HELP, short_help="Learn what is usual from the past."
)(learning.learn_priors)
rules.app.registered_commands += rulereview.app.registered_commands
app.command("backtest", help=backtest.HELP, short_help="What rules would have done.")(
    backtest.backtest
)
app.add_typer(suppressions.app, name="suppressions", help="Where detection is held back.")
app.add_typer(imports.signals_app, name="signals", help="Complaints and other signals.")
imports.signals_app.command("send", help=signals.SEND, short_help="Send signals.")(signals.send)
imports.signals_app.command(
    "rejected", help=signals.REJECTED, short_help="What was not accepted, and why."
)(signals.rejected)
app.add_typer(sources.app, name="sources", help="The feeds that signals come from.")
app.add_typer(imports.units_app, name="units", help="Units shipped.")
app.add_typer(imports.skus_app, name="skus", help="Master data of SKUs.")
app.add_typer(vendors.app, name="vendors", help="Who supplies SKUs.")
app.add_typer(chats.app, name="chats", help="Notices in Slack and Teams, and quiet hours.")
app.add_typer(webhooks.app, name="webhooks", help="Where signed messages go.")
app.add_typer(people.app, name="people", help="Who may sign in.")
app.add_typer(keys.app, name="keys", help="Credentials of machines.")
app.add_typer(subjects.app, name="subjects", help="What is held about a person; erasing it.")
app.add_typer(audit.app, name="audit", help="Who did what, and is the record whole?")
app.add_typer(catalogues.app, name="catalogues", help="Do they answer?")
app.add_typer(inbound.app, name="inbound", help="What a delivery would become.")
app.add_typer(mail.app, name="mail", help="Answers to notices.")
app.command("doctor", help=doctor.HELP, short_help="What is wrong, and the remedy.")(doctor.doctor)
app.command("migrate", help=migrate.HELP, short_help="Bring the schema up to date.")(
    migrate.migrate
)


def main() -> None:
    """Run the command line, looking for cycles every 50,000 objects instead of every 700.

    Loading a command makes 300,000 objects that stay, and a batch of signals thousands that end by
    themselves: the default spends a fifth of a start and a sixth of ingestion on looking at them,
    and pauses whoever comes meanwhile.
    """
    gc.set_threshold(50_000, 20, 100)
    app()
