"""What a file is, by its bytes; and its bytes as they are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from freezeguard.domain.files import jpeg, office, plain, png, webp
from freezeguard.domain.files.refusal import TypeRefused

EXTENSIONS: Mapping[str, tuple[str, ...]] = {
    "application/pdf": (".pdf",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "text/plain": (".txt", ".log", ".text"),
    "text/csv": (".csv",),
    office.DOCX: (".docx",),
    office.XLSX: (".xlsx",),
}
"""Every media type that is kept, with the endings of names that fit it, the usual one first."""

_TEXTS = frozenset({"text/plain", "text/csv"})


@dataclass(frozen=True, slots=True)
class Examined:
    """A file that may be kept: its type, its bytes without metadata, and their digest."""

    media_type: str
    content: bytes
    sha256: str


def examine(raw: bytes, declared: str) -> Examined:
    """Return a file as it is kept. `declared` is the media type that the sender names.

    Pictures lose their metadata; everything else stays byte for byte. Raises TypeRefused where the
    content is of no type that is kept, is damaged, or is not what was declared.
    """
    found, content = _kept(raw, declared)
    if found != declared:
        raise TypeRefused(
            f"The content is {found}, but was sent as {declared or 'nothing in particular'}. "
            f"Send `Content-Type: {found}`."
        )
    return Examined(found, content, sha256(content).hexdigest())


def _kept(raw: bytes, declared: str) -> tuple[str, bytes]:
    if raw.startswith(png.SIGNATURE):
        return "image/png", png.stripped(raw)
    if raw.startswith(jpeg.SIGNATURE):
        return "image/jpeg", jpeg.stripped(raw)
    if webp.is_webp(raw):
        return "image/webp", webp.stripped(raw)
    if raw.startswith(plain.PDF_SIGNATURE):
        plain.check_pdf(raw)
        return "application/pdf", raw
    if raw.startswith(office.SIGNATURE):
        return office.kind_of(raw), raw
    plain.check_text(raw)
    return declared if declared in _TEXTS else "text/plain", raw


def type_by_name(name: str) -> str | None:
    """Return the media type that a name's ending stands for, None for one that is not kept."""
    small = name.lower()
    return next(
        (kind for kind, endings in EXTENSIONS.items() if small.endswith(endings)), None
    )


__all__ = ["EXTENSIONS", "Examined", "TypeRefused", "examine", "type_by_name"]
