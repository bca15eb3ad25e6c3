"""`freezeguard demo`."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from freezeguard.cli.failures import Exit, reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import print_json

if TYPE_CHECKING:
    from freezeguard.bootstrap.demo.findings import Findings
    from freezeguard.bootstrap.demo.stage import Stage

HELP = examples(
    "freezeguard demo",
    "freezeguard demo --once",
    "freezeguard demo --once --json",
    text="The main job end to end, in a temporary directory, with a shop, a mail server and a "
    "database of its own: complaints arrive, sales stop, buyers are refused, the vendor is told, "
    "people approve, sales go on. Then the service stays up for you, with three requests to "
    "paste. With --once it ends by itself; exit code 1 and the promise by name where one was "
    "broken. With --json the story goes to stderr and stdout gets one JSON object.",
)
READING_PACE = 0.35


class Teller:
    """Tells the story on a terminal or into a pipe, with the time since the beginning."""

    def __init__(self, out: TextIO, pace: float) -> None:
        from rich.console import Console

        self._console = Console(file=out, highlight=False, soft_wrap=not out.isatty())
        self._begun, self._pace = time.monotonic(), pace

    async def scene(self, title: str) -> None:
        """Begin a scene."""
        from rich.text import Text

        self._console.print()
        self._console.print(Text(title, style="bold"))
        await self._pause()

    async def tell(self, text: str) -> None:
        """Tell one thing."""
        from rich.text import Text

        mark, style = _look(text)
        line = Text.assemble((f"{time.monotonic() - self._begun:7.2f} s  ", "dim"), (mark, style))
        self._console.print(line)
        await self._pause()

    async def letter(self, subject: str, text: str) -> None:
        """Show a letter in a frame."""
        from rich.panel import Panel
        from rich.text import Text

        panel = Panel(Text(text.strip()), title=Text(subject), title_align="left", width=100)
        self._console.print(panel, soft_wrap=False)  # or the links are cut in a file
        await self._pause()

    async def _pause(self) -> None:
        from asyncio import sleep

        await sleep(self._pace)

    def plain(self, text: str) -> None:
        """Print lines as they are, also those that are wider than the terminal: to be pasted."""
        from rich.text import Text

        self._console.print(Text(text), soft_wrap=True)


def _look(text: str) -> tuple[str, str]:
    if text.startswith("FROZEN"):
        return text, "bold red"
    if text.startswith("REINSTATED"):
        return text, "bold green"
    return text, ""


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the story.")] = False,
    as_json: AsJson = False,
) -> None:
    """Play the main job."""
    with reported(as_json=as_json):
        from freezeguard.bootstrap.demo.run import demonstrate
        from freezeguard.bootstrap.running import run

        out = sys.stderr if as_json else sys.stdout
        looked_on = out.isatty() and not once
        teller = Teller(out, READING_PACE if looked_on else 0.0)

        async def invite(stage: "Stage", findings: "Findings") -> None:
            _sum_up(teller, findings)
            teller.plain(_invitation(stage))
            if as_json:
                print_json({**findings.as_dict(), "url": stage.url})

        findings = run(demonstrate(teller, None if once else invite))
        _end(teller, findings, once=once, as_json=as_json)


def _end(teller: Teller, findings: "Findings | None", *, once: bool, as_json: bool) -> None:
    if findings is None:
        raise typer.Exit(Exit.INTERRUPTED)
    if findings.broken is not None:
        teller.plain(f"\nBROKEN PROMISE: {findings.broken}")
    if once and findings.broken is None:
        _sum_up(teller, findings)
    if as_json and (once or findings.broken is not None):
        sys.stderr.flush()
        print_json(findings.as_dict())
    if findings.broken is not None:
        raise typer.Exit(Exit.BAD)


def _sum_up(teller: Teller, findings: "Findings") -> None:
    lines = ["", "What the demonstration sets, and what is the default:"]
    lines += [
        f"  {one.setting} = {one.value} (default {one.default}): {one.why}"
        for one in findings.overrides
    ]
    lines += ["", f"{findings.signals_accepted} signals, {len(findings.freezes)} freezes:"]
    lines += [
        f"  {one.sku}: {one.rule}; stopped {one.seconds * 1000:.0f} ms after it was crossed; "
        f"{' → '.join(state['state'] for state in one.states)}"
        for one in findings.freezes
    ]
    lines += [f"{findings.mails} mails. run: {findings.seconds:.1f} s"]
    teller.plain("\n".join(lines))


ROLES = {
    "mara": "manager: approves", "owen": "manager: owns the cases", "quin": "analyst",
    "alba": "associate: pulls the cord", "bert": "associate: agrees, or doesn't",
    "vera": "the vendor's person", "root": "administrator",
}


def _links(stage: "Stage") -> str:
    from freezeguard.bootstrap.demo import cast

    names = {one.id: one.name for one in cast.PEOPLE}
    return "\n".join(
        f"  {names[person]}, {role}\n    {stage.links[person]}" for person, role in ROLES.items()
    )


def _invitation(stage: "Stage") -> str:
    from urllib.parse import quote

    from freezeguard.bootstrap.demo import cast

    sku, url, secrets = cast.TOASTER, stage.url, stage.secrets
    signal = (
        '{"id": "call-\'$(date +%s%N)\'", "source": "helpdesk", "kind": "complaint", '
        f'"sku": "{sku}", "occurred_at": "\'$(date -u +%FT%TZ)\'", "severity": "major", '
        '"customer": "you", "text": "It does not switch off."}'
    )
    return f"""
The service goes on at {url} ({url}/docs describes it). {cast.TITLES[sku]} has
four complaints: yours is the fifth. Paste these into another terminal, and then the first one
again (the pages in docs/roles say which of them you need):

curl -sS {url}/v1/sale-status/{quote(sku, safe="")} -H 'Authorization: Bearer {secrets["checkout"]}'

curl -sS {url}/v1/signals -H 'Authorization: Bearer {secrets["helpdesk"]}' \\
  -H 'Content-Type: application/json' -d '{signal}'

curl -sS '{url}/v1/cases?open=true' -H 'Authorization: Bearer {secrets["owen"]}'

Or look with a browser: your complaint opens a case to be clicked through, from the queue to the
sale that goes on. Each of these lets one of them in, once; a window holds one person at a time, so
use private windows for several. When one is used up, Ctrl-C and a new demonstration make all anew:

{_links(stage)}

Logs: {stage.log_file}. Ctrl-C ends everything and leaves nothing behind."""
