"""`freezeguard cases attach` and `cases evidence`: files on a case."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.casenames import CaseName, case_id
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import moment, print_json, print_table

if TYPE_CHECKING:
    from uuid import UUID

ATTACH = examples(
    "freezeguard cases attach 5 tear-test.pdf --note 'Lot L-8, 50 handles'",
    "freezeguard cases attach 5 crack.jpg --share",
    text="Attach a file to a case: PDF, JPEG, PNG, WebP, text or CSV in UTF-8, docx or xlsx "
    "without macros. Pictures lose their metadata. The evidence revision rises: votes, and an "
    "approval that was asked for, are void. What a vendor attaches both sides see; what staff "
    "attaches the vendor sees with --share.",
)
EVIDENCE = examples(
    "freezeguard cases evidence 5",
    "freezeguard cases evidence 5 --save ./case-5",
    text="List the files of a case that you may see. With --save fetch them all into a directory; "
    "a file that lies there already is not written over.",
)


def attach(
    case: CaseName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file.")],
    *,
    note: Annotated[str, typer.Option(help="What it shows.")] = "",
    share: Annotated[bool, typer.Option("--share", help="The vendor may see it.")] = False,
    version: Annotated[
        int | None, typer.Option(min=1, help="The version that you saw; absent: the present one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Attach a file as evidence."""
    with reported(as_json=as_json):
        from freezeguard.domain.files.content import type_by_name

        path = f"/v1/cases/{case_id(case)}"
        media_type = type_by_name(file.name) or "application/octet-stream"
        with _opened(file) as content:
            seen = version or remote.ask("GET", path)["version"]
            query = {
                "version": seen, "name": file.name, "note": note or None,
                "share": "true" if share else None,
            }
            answer = remote.send_file(f"{path}/evidence", query, content, media_type)
        if as_json:
            print_json(answer)
            return
        kept = answer["file"]
        print(f"{kept['name']}: {kept['size']:,} bytes, SHA-256 {kept['sha256']}")
        print(f"The case is {answer['state']}, version {answer['version']}, evidence revision "
              f"{answer['evidence_revision']}.")


def _opened(file: Path) -> Any:
    try:
        return file.open("rb")
    except OSError as error:
        raise Failure(Exit.USAGE, "unreadable", f"{file}: {error.strerror}.") from None


def evidence(
    case: CaseName,
    *,
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Fetch all files into this directory.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List or fetch the files of a case."""
    with reported(as_json=as_json):
        found = case_id(case)
        files = remote.ask("GET", f"/v1/cases/{found}/evidence")["items"]
        saved = {} if save is None else _save(found, files, save)
        if as_json:
            print_json({"items": [{**one, "saved": saved.get(one["id"])} for one in files]})
            return
        print_table(
            ("file", "type", "bytes", "by", "at", "vendor sees", "SHA-256", "saved as"),
            [
                (one["name"], one["media_type"], one["size"], one["uploaded_by"],
                 moment(one["uploaded_at"]), "yes" if one["visible_to_vendor"] else "no",
                 one["sha256"], saved.get(one["id"], "erased" if one["erased_at"] else None))
                for one in files
            ],
            whole=("file", "SHA-256"),
            beneath={"type": "file", "at": "by", "bytes": "file"},
            empty="no files",
        )


def _save(case: "UUID", files: list[dict[str, Any]], directory: Path) -> dict[str, str]:
    """Fetch files that are not erased; return where each lies by its id."""
    directory.mkdir(parents=True, exist_ok=True)
    saved = {}
    for one in files:
        if one["erased_at"] is None:
            path = f"/v1/cases/{case}/evidence/{remote.segment(one['id'])}"
            saved[one["id"]] = str(_fetch(path, one, directory))
    return saved


def _fetch(path: str, file: dict[str, Any], directory: Path) -> Path:
    """Write one file under a name that is free, and check that it is the one that was attached."""
    from hashlib import sha256

    from freezeguard.domain.files.names import safe_name

    name = safe_name(file["name"], file["media_type"])
    target = directory / name
    number = 2
    while target.exists():
        target = directory / f"{Path(name).stem} ({number}){Path(name).suffix}"
        number += 1
    digest = sha256()
    with target.open("xb") as written:
        for part in remote.parts_of_file(path):
            digest.update(part)
            written.write(part)
    if digest.hexdigest() != file["sha256"]:
        target.unlink()
        raise Failure(Exit.BAD, "damaged", f"{name} did not arrive as it was attached; try again.")
    return target
