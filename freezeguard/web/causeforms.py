"""The diagnosis as a page reads it, and its changes as forms give them: for staff and vendors."""

from typing import Any

from freezeguard.api.models.diagnosis import DiagnosisOut
from freezeguard.domain.errors import (
    GuardFailed,
    IllegalTransition,
    InvalidInput,
    NotFound,
    VersionConflict,
)
from freezeguard.web.casedesk import words_of
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Visit

ONE = "/v1/cases/{id}/diagnosis/{cause}"


class CauseForms:
    """Changes of the diagnosis as forms give them, for staff and vendors alike."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def read(self, visit: Visit) -> DiagnosisOut:
        """Return the diagnosis of the case that the address names."""
        found: DiagnosisOut = await self._desk.ask(
            visit.asker, "GET /v1/cases/{id}/diagnosis", path={"id": visit.path["id"]}
        )
        return found

    async def give(self, visit: Visit) -> list[str]:
        """Suggest, judge or argue, as the address says; return what refused it, if anything.

        Raises NotFound for what is not done with causes.
        """
        route, body = _asked(visit)
        try:
            await self._desk.ask(visit.asker, route, path=dict(visit.path), body=body)
        except (GuardFailed, InvalidInput, VersionConflict, IllegalTransition) as refused:
            return words_of(refused)
        return []


def _asked(visit: Visit) -> tuple[str, dict[str, Any]]:
    form, deed = visit.form, visit.path.get("deed", "")
    match deed:
        case "":
            return "POST /v1/cases/{id}/diagnosis", {
                "branch": form.get("branch", ""), "description": form.get("description", ""),
                "whys": form.lines("whys"),
            }
        case "judge":
            version = form.get("version", "")
            return f"POST {ONE}", {
                "version": int(version) if version.isdecimal() and len(version) < 10 else version,
                "branch": form.text("branch"), "description": form.text("description"),
                "state": form.text("state"), "whys": form.lines("whys"),
            }
        case "argue":
            return f"POST {ONE}/evidence", {
                "speaks": form.get("speaks", ""), "text": form.get("text", ""),
                "file": form.text("file"),
            }
        case _:
            raise NotFound("This is not done with causes.")
