"""The examples of the help texts and of the docs, as somebody would copy them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from freezeguard.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_BLOCK = re.compile(r"^```(console|sh)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`(freezeguard [a-z][^`]*)`")
_SUBSTITUTED = re.compile(r"\$\((freezeguard [^()]*)\)")
_ENDS = frozenset({"|", "||", "&&", ";", ">", ">>", "<", "#", "2>"})
_STANDS_FOR = {"$CASE": "5", "$KEY": "key", "$TRY": "."}
_MEANS = {
    "CASE": "5", "NAME": "approve", "SKU": "KETTLE-17", "ID": "5", "ENDPOINT": "x",
    "FILE": "remedy.json", "NAME=VALUE": "reason=r", "N": "1",
}
"""What may be put into the place of a word in capitals."""


def leaves(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, by its path."""
    children = getattr(command, "commands", None)
    if children is None:
        yield path.strip(), command
        return
    for name, child in children.items():
        yield from leaves(child, f"{path} {name}")


def of_help() -> list[tuple[str, str]]:
    """Return the examples of all help texts, each with its command."""
    return [
        (name, line) for name, command in leaves(get_command(app))
        for line in _joined(command.help.split("\n\n")[0].removeprefix("\b\nExamples:\n"))
    ]


def of_docs() -> list[tuple[str, str]]:
    """Return what the pages have typed of this program, each with the name of its page."""
    return [(page.name, line) for page in PAGES for line in _typed(page.read_text("utf-8"))]


def mentioned() -> list[tuple[str, str]]:
    """Return what the pages mention of this program in a sentence, often without arguments."""
    return [
        (page.name, one.replace("\n", " ")) for page in PAGES
        for one in _INLINE.findall(re.sub(
            r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
        )) if not one.startswith("freezeguard serves")  # it prints that
    ]


def _typed(text: str) -> Iterator[str]:
    for language, block in _BLOCK.findall(text):
        lines = list(_joined(block))
        for line in lines:
            if language == "console" and not line.startswith("$ "):
                continue
            if "freezeguard " in line and "python -m freezeguard" not in line:
                yield line.removeprefix("$ ")


def _joined(block: str) -> Iterator[str]:
    """Yield lines; one that ends in a backslash goes on in the next."""
    for line in re.sub(r"\\\n\s*", "", block).splitlines():
        if line.strip():
            yield line.strip()


def words_of(line: str) -> list[str] | None:
    """Return the arguments that an example gives to the program; None where it calls another."""
    if (inner := _SUBSTITUTED.search(line)) is not None:
        line = inner[1]
    for name, value in _STANDS_FOR.items():
        line = line.replace(name, value)
    words = shlex.split(line, comments=True)
    while words and ("=" in words[0] or words[0] == "export"):
        words = words[1:]  # variables of the environment
    if words[:1] not in (["freezeguard"], [".venv/bin/freezeguard"]):
        return None
    given = words[1:]
    for n, word in enumerate(given):
        if word in _ENDS or word.startswith((">", "<")):
            given = given[:n]
            break
    return list(_filled_in(given))


def _filled_in(words: list[str]) -> Iterator[str]:
    before = ""
    for one in words:
        word = one.strip("[]")
        if word != "…" or before.startswith("--"):  # else it means "and so on"
            yield _MEANS.get(word, word)
        before = word
