"""WebP pictures without EXIF, XMP and chunks of unknown meaning.

The format is that of RFC 9649. Animations are refused: their frames nest chunks of their own.
"""

import struct
from collections.abc import Iterator

from freezeguard.domain.files.refusal import TypeRefused, check_pixels

_STILL = frozenset({b"VP8 ", b"VP8L"})
_KEPT = _STILL | {b"VP8X", b"ALPH", b"ICCP"}
_EXIF_AND_XMP = 0x08 | 0x04


def is_webp(raw: bytes) -> bool:
    """Say whether bytes begin as a WebP file does."""
    return raw[:4] == b"RIFF" and raw[8:12] == b"WEBP"


def stripped(raw: bytes) -> bytes:
    """Return the picture without metadata and without anything after its end.

    Raises TypeRefused where the file is no whole, still WebP.
    """
    kept = []
    pictures = 0
    for kind, body in _chunks(raw):
        if kind in {b"ANIM", b"ANMF"}:
            raise TypeRefused("The WebP moves; send still pictures.")
        if kind not in _KEPT:
            continue
        pictures += kind in _STILL
        _check_size(kind, body)
        whole = _without_flags(body) if kind == b"VP8X" else body
        kept.append(struct.pack("<4sI", kind, len(whole)) + whole + b"\0" * (len(whole) & 1))
    if pictures != 1:
        raise TypeRefused("The WebP has no picture in it, or more than one.")
    content = b"WEBP" + b"".join(kept)
    return struct.pack("<4sI", b"RIFF", len(content)) + content


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = 8 + struct.unpack_from("<I", raw, 4)[0]
    if end > len(raw):
        raise TypeRefused("The WebP is cut off.")
    at = 12
    while at < end:
        if at + 8 > end:
            raise TypeRefused("The WebP is damaged.")
        kind, length = struct.unpack_from("<4sI", raw, at)
        if at + 8 + length > end:
            raise TypeRefused("The WebP is cut off.")
        yield kind, raw[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)


def _check_size(kind: bytes, body: bytes) -> None:
    """Check the pixels that a chunk claims (RFC 9649 sections 2.5 to 2.7; RFC 6386 section 9.1)."""
    if kind == b"VP8X" and len(body) == 10:
        width, height = (1 + int.from_bytes(body[at : at + 3], "little") for at in (4, 7))
    elif kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 " and len(body) >= 10 and body[3:6] == b"\x9d\x01\x2a":
        width, height = (one & 0x3FFF for one in struct.unpack_from("<HH", body, 6))
    elif kind in {b"ALPH", b"ICCP"}:
        return
    else:
        raise TypeRefused("The WebP is damaged.")
    check_pixels(width, height)


def _without_flags(header: bytes) -> bytes:
    return bytes([header[0] & ~_EXIF_AND_XMP]) + header[1:]
