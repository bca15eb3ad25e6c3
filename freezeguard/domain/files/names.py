"""Names of files that lead nowhere: no path, no control, no ending that lies."""

import re
import unicodedata

from freezeguard.domain.files.content import EXTENSIONS

MAX_BYTES = 200
_SEPARATORS = re.compile(r"[/\\]")
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
_NAMELESS = "evidence"


def safe_name(given: str, media_type: str) -> str:
    """Return a name under which a file of this type may lie in any directory.

    The last part of a path stays; characters that control, format or mean something to a file
    system do not; an ending that does not fit the type gets the right one behind it. At most
    `MAX_BYTES` bytes of UTF-8; the same again gives the same name.
    """
    shown = "".join(one for one in given if not _is_hidden(one))
    last = _SEPARATORS.split(unicodedata.normalize("NFC", shown))[-1]
    stem = _FORBIDDEN.sub("_", last).strip(" .")
    if _DEVICES.match(stem):
        stem = f"_{stem}"
    endings = EXTENSIONS[media_type]
    ending = next((one for one in endings if stem.lower().endswith(one)), None)
    if ending is None:
        ending = endings[0]
    else:
        stem, ending = stem[: -len(ending)], stem[-len(ending) :]
    return _cut(stem.rstrip(" .") or _NAMELESS, MAX_BYTES - len(ending)) + ending


def _is_hidden(character: str) -> bool:
    """Say whether a character controls, formats or breaks lines (Unicode categories C, Zl, Zp)."""
    return unicodedata.category(character).startswith(("C", "Zl", "Zp"))


def _cut(text: str, limit: int) -> str:
    """Cut text to a number of bytes, between two characters."""
    if len(text.encode()) <= limit:
        return text
    return text.encode()[:limit].decode(errors="ignore").rstrip(" .")
