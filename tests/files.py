"""Small files of every kind, made by hand: sound ones, and ones that lie."""

import io
import struct
import zipfile
import zlib

from freezeguard.domain.files.office import DOCX, XLSX

SECRET = b"GPS 52.5163 N 13.3777 E, shot by Erika Mustermann"


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return one chunk with its checksum."""
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(
        ">I", zlib.crc32(kind + body)
    )


def png(*extra: bytes, width: int = 2, height: int = 2) -> bytes:
    """Return a grey PNG with further chunks before its pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\x10\x20" * 2)
    return b"".join((
        b"\x89PNG\r\n\x1a\n", png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", pixels),
        png_chunk(b"IEND", b""),
    ))


def segment(marker: int, body: bytes) -> bytes:
    """Return one segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


JFIF = segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0")
EXIF = segment(0xE1, b"Exif\0\0" + SECRET)
SCAN = b"\x11\x22\xff\x00\x33\xff\xd0\x44"


def jpeg(*extra: bytes, width: int = 2, height: int = 2) -> bytes:
    """Return a JPEG of the right build with further segments in front."""
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    return b"".join((
        b"\xff\xd8", JFIF, *extra, segment(0xDB, b"\0" + bytes(64)), segment(0xC0, frame),
        segment(0xC4, b"\0" + bytes(16)), segment(0xDA, b"\x01\x01\0\0\x3f\0"), SCAN, b"\xff\xd9",
    ))


def webp_chunk(kind: bytes, body: bytes) -> bytes:
    """Return one chunk of a WebP, padded to an even length."""
    return struct.pack("<4sI", kind, len(body)) + body + b"\0" * (len(body) & 1)


STILL = webp_chunk(b"VP8L", b"\x2f" + struct.pack("<I", 1 | 1 << 14) + b"\x07\x10")


def webp(*chunks: bytes) -> bytes:
    """Return a WebP of these chunks."""
    content = b"WEBP" + b"".join(chunks or (STILL,))
    return struct.pack("<4sI", b"RIFF", len(content)) + content


def webp_header(flags: int, width: int = 2, height: int = 2) -> bytes:
    """Return the extended header of a WebP."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size)


PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"


def office(kind: str = DOCX, suffix: str = "main+xml", **parts: bytes) -> bytes:
    """Return an Office document of a kind, with further parts by name (`__` stands for a slash)."""
    types = f'<Types><Override PartName="/main.xml" ContentType="{kind}.{suffix}"/></Types>'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", types)
        archive.writestr("main.xml", "<body>40 of 40 handles held.</body>")
        for name, body in parts.items():
            archive.writestr(name.replace("__", "/"), body)
    return packed.getvalue()


def broken_office(method: int) -> bytes:
    """Return a document whose last part is compressed in a way, with a damage in the middle."""
    packed = io.BytesIO(office())
    with zipfile.ZipFile(packed, "a", method) as archive:
        archive.writestr("pulls.xml", bytes(range(256)) * 40)
        part = archive.getinfo("pulls.xml")
    raw = bytearray(packed.getvalue())
    middle = part.header_offset + 30 + len(part.filename) + part.compress_size // 2
    raw[middle : middle + 8] = bytes(8)
    return bytes(raw)


SOUND: dict[str, tuple[str, bytes]] = {
    "application/pdf": ("report.pdf", PDF),
    "image/jpeg": ("crack.jpg", jpeg()),
    "image/png": ("crack.png", png()),
    "image/webp": ("crack.webp", webp()),
    "text/plain": ("notes.txt", "Prüfbericht: 40 von 40 Griffen hielten.\n".encode()),
    "text/csv": ("pulls.csv", b"\xef\xbb\xbfhandle;newton\r\n1;52\r\n"),
    DOCX: ("report.docx", office()),
    XLSX: ("pulls.xlsx", office(XLSX, **{"xl/printerSettings/printerSettings1.bin": b"x"})),
}
"""A name and the bytes of a sound file, without metadata, by its media type."""
