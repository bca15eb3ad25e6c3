"""Why a file is not taken."""

from typing import ClassVar

from freezeguard.domain.errors import FreezeguardError


class TypeRefused(FreezeguardError):
    """The content is of no type that is kept as evidence."""

    code: ClassVar[str] = "evidence_type_refused"


MAX_PIXELS = 100_000_000
"""Larger pictures are refused: a few bytes can stand for more pixels than a reader has memory."""


def check_pixels(width: int, height: int) -> None:
    """Refuse a picture without pixels, or with more than `MAX_PIXELS`. Raises TypeRefused."""
    if width < 1 or height < 1:
        raise TypeRefused("The picture has no pixels.")
    if width * height > MAX_PIXELS:
        raise TypeRefused(
            f"The picture has {width} × {height} pixels; at most {MAX_PIXELS:,} are taken."
        )
