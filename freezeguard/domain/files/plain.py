"""Text and PDF: kept as they are, after a look at what they claim to be."""

import re

from freezeguard.domain.files.refusal import TypeRefused

_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_MARKUP = re.compile(
    rb"<\s?(?:!doctype|\?xml|\?php|html|head|body|script|svg|iframe|style)\b", re.IGNORECASE
)
_PROGRAMS = (b"#!", b"%!ps", b"{\\rtf", b"@echo", b"<?", b"<%")
_LOOKED_AT = 4096
_TAIL = 1024
_ARCHIVE_END = b"PK\x05\x06"
_ARCHIVE_TAIL = 22 + 0xFFFF
PDF_SIGNATURE = b"%PDF-"


def check_text(raw: bytes) -> None:
    """Refuse what is no plain text in UTF-8. Raises TypeRefused."""
    if not raw.strip():
        raise TypeRefused("The file is empty.")
    try:
        raw.decode()
    except UnicodeDecodeError as broken:
        raise TypeRefused(
            "The content is of no type that is kept; if it is text, save it as UTF-8 (the byte at "
            f"{broken.start} is not)."
        ) from None
    if (found := _CONTROLS.search(raw)) is not None:
        raise TypeRefused(f"The content is no text: the byte at {found.start()} controls a device.")
    start = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _MARKUP.search(start[:_LOOKED_AT]) or start.lower().startswith(_PROGRAMS):
        raise TypeRefused(
            "The text is markup or a program, which a browser or a shell would run; send a PDF."
        )


def check_pdf(raw: bytes) -> None:
    """Refuse a PDF that is cut off, or is something else as well. Raises TypeRefused."""
    end = raw.rfind(b"%%EOF", -_TAIL)
    if end < 0:
        raise TypeRefused("The PDF is cut off.")
    if raw[end + 5 :].strip(b"\r\n\t \0"):
        raise TypeRefused("Something stands behind the end of the PDF.")
    if _ARCHIVE_END in raw[-_ARCHIVE_TAIL:]:
        raise TypeRefused("The PDF is an archive as well.")
    if _MARKUP.search(raw[:_LOOKED_AT].partition(b"obj")[0]):
        raise TypeRefused("The PDF is a web page as well.")
