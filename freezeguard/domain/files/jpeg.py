"""JPEG pictures without what is no picture: EXIF, GPS, XMP, IPTC, comments, previews.

The format is that of ITU-T T.81, annex B, with the JFIF, ICC and Adobe segments that say how the
pixels look.
"""

import re
import struct
from collections.abc import Iterator

from freezeguard.domain.files.refusal import TypeRefused, check_pixels

SIGNATURE = b"\xff\xd8\xff"
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_TABLES = frozenset({0xC4, 0xDB, 0xDD, 0xDC, 0xCC})
_SCAN, _END = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff++([^\x00\xd0-\xd7])", re.DOTALL)
_AFTER_DATA = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_ICC = b"ICC_PROFILE\0"
_JFIF = b"JFIF\0"


def stripped(raw: bytes) -> bytes:
    """Return the picture without metadata and without anything after its end.

    The pixels stay as they are, unturned: where a camera only noted how it was held, that note is
    gone. Raises TypeRefused where the file is no whole JPEG.
    """
    kept = [b"\xff\xd8"]
    frames = scans = 0
    for marker, body, data in _segments(raw):
        if marker in _FRAMES:
            frames += 1
            _check_frame(body)
        if marker == _SCAN:
            scans += 1
        if (looks := _kept(marker, body)) is not None:
            kept.append(struct.pack(">BBH", 0xFF, marker, len(looks) + 2) + looks + data)
    if frames != 1 or scans < 1:
        raise TypeRefused("The JPEG has no picture in it.")
    return b"".join((*kept, b"\xff\xd9"))


def _kept(marker: int, body: bytes) -> bytes | None:
    """Return what stays of a segment, None where nothing does."""
    if marker in _FRAMES or marker in _TABLES or marker == _SCAN:
        return body
    if marker == 0xE0 and body.startswith(_JFIF) and len(body) >= 14:
        return body[:12] + b"\0\0"  # without its small preview
    if (marker == 0xE2 and body.startswith(_ICC)) or (marker == 0xEE and body[:5] == b"Adobe"):
        return body
    return None


def _segments(raw: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield marker, body and coded data of each segment up to the end of the picture."""
    at = 2
    while True:
        found = _MARKER.match(raw, at)
        if found is None:
            raise TypeRefused("The JPEG is cut off or damaged.")
        marker, at = found[1][0], found.end()
        if marker == _END:
            return
        length = int.from_bytes(raw[at : at + 2], "big")
        body = raw[at + 2 : at + length]
        if length < 2 or len(body) != length - 2:
            raise TypeRefused("The JPEG is cut off or damaged.")
        at += length
        data = b""
        if marker == _SCAN:
            following = _AFTER_DATA.search(raw, at)
            if following is None:
                raise TypeRefused("The JPEG is cut off.")
            data, at = raw[at : following.start()], following.start()
        yield marker, body, data


def _check_frame(body: bytes) -> None:
    if len(body) < 6:
        raise TypeRefused("The JPEG has a header of the wrong length.")
    height, width = struct.unpack_from(">HH", body, 1)
    check_pixels(width, height)
