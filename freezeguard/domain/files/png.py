"""PNG pictures without what is no picture: texts, times, EXIF and private chunks are left out.

The format is that of the W3C's PNG specification, third edition, sections 5 and 11.
"""

import struct
import zlib
from collections.abc import Iterator

from freezeguard.domain.files.refusal import TypeRefused, check_pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_LOOKS = frozenset({b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs"})
"""Ancillary chunks that say how the pixels look; all others are left out."""


def stripped(raw: bytes) -> bytes:
    """Return the picture without metadata and without anything after its end.

    Raises TypeRefused where the file is no whole PNG.
    """
    kept = [SIGNATURE]
    kinds = []
    for kind, chunk in _chunks(raw):
        if kind in _CRITICAL or kind in _LOOKS:
            kept.append(chunk)
            kinds.append(kind)
        elif not kind[0] & 0x20:
            raise TypeRefused(f"The PNG needs a chunk {kind!r} that is not known here.")
    if kinds[0] != b"IHDR" or kinds.count(b"IHDR") > 1 or b"IDAT" not in kinds:
        raise TypeRefused("The PNG has no picture in it.")
    return b"".join(kept)


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and bytes of each chunk up to IEND; checks lengths and checksums."""
    at = len(SIGNATURE)
    while True:
        if at + 12 > len(raw):
            raise TypeRefused("The PNG is cut off.")
        length, kind = struct.unpack_from(">I4s", raw, at)
        end = at + 12 + length
        if end > len(raw):
            raise TypeRefused("The PNG is cut off.")
        if zlib.crc32(raw[at + 4 : end - 4]) != struct.unpack_from(">I", raw, end - 4)[0]:
            raise TypeRefused(f"The PNG is damaged: the checksum of {kind!r} does not fit.")
        if kind == b"IHDR":
            _check_header(raw[at + 8 : end - 4])
        if kind == b"IEND" and length:
            raise TypeRefused("Something stands behind the picture in the PNG.")
        yield kind, raw[at:end]
        if kind == b"IEND":
            return
        at = end


def _check_header(header: bytes) -> None:
    if len(header) != 13:
        raise TypeRefused("The PNG has a header of the wrong length.")
    check_pixels(*struct.unpack_from(">II", header))
