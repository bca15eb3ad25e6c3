"""Which languages notices can be written in."""

from freezeguard.domain.errors import InvalidInput
from freezeguard.notices.wording import languages


class WordedLanguages:
    """Implements `freezeguard.ports.notices.Languages`: those that have words."""

    def check(self, language: str, *, pointer: str = "") -> None:
        """Raise InvalidInput for a language without words; `de-AT` has those of `de`."""
        known = languages()
        if language.split("-", maxsplit=1)[0] not in known:
            raise InvalidInput(
                f"Notices have no words in {language!r}; choose one of {', '.join(known)}.",
                pointer=pointer,
            )
