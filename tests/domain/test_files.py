"""What may be attached is decided by bytes: kinds, lies, damage, metadata, and names."""

import io
import zipfile
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.files import jpeg, png, webp
from freezeguard.domain.files.content import EXTENSIONS, examine, type_by_name
from freezeguard.domain.files.names import MAX_BYTES, safe_name
from freezeguard.domain.files.office import DOCX, MAX_PARTS, MAX_UNPACKED, XLSX
from freezeguard.domain.files.refusal import MAX_PIXELS, TypeRefused
from tests import files
from tests.files import PDF, SECRET, SOUND

HTML = b"<!DOCTYPE html><script>alert(1)</script>"


def refused(raw: bytes, declared: str, because: str) -> None:
    """See a file refused, for the right reason."""
    with pytest.raises(TypeRefused, match=because):
        examine(raw, declared)


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_a_sound_file_is_kept_byte_for_byte(kind):
    """Each kind is known by its content, and one without metadata is not touched."""
    name, raw = SOUND[kind]

    kept = examine(raw, kind)

    assert (kind, raw, sha256(raw).hexdigest()) == (kept.media_type, kept.content, kept.sha256)
    assert kind == type_by_name(name)


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_what_was_declared_must_be_true(kind):
    """A sound file under another type is refused with the type that it has; texts are alike."""
    for other in ("application/octet-stream", "", *EXTENSIONS):
        if other == kind or {other, kind} == {"text/plain", "text/csv"}:
            continue
        expected = "text/plain" if kind.startswith("text/") else kind
        refused(SOUND[kind][1], other, f"Send `Content-Type: {expected}`".replace("+", r"\+"))


@pytest.mark.parametrize(
    ("raw", "because"),
    [
        (HTML, "markup"),
        (b"\n\n  <svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "markup"),
        (b'<?xml version="1.0"?><svg/>', "markup"),
        (b"\xef\xbb\xbf<html>", "markup"),
        (b"#!/bin/sh\nrm -rf /\n", "markup or a program"),
        (b"%!PS-Adobe-3.0\n", "markup or a program"),
        (b"{\\rtf1 hello}", "markup or a program"),
        (b"MZ\x90\x00\x03\x00\x00\x00", "no type that is kept"),
        (b"\x7fELF\x02\x01\x01\x00", "controls a device"),
        (b"GIF89a\x01\x00\x01\x00\x80\x00\x00", "no type that is kept"),
        (b"\x1f\x8b\x08\x00" + bytes(8), "no type that is kept"),
        (b"Rar!\x1a\x07\x01\x00", "controls a device"),
        (b"7z\xbc\xaf\x27\x1c", "no type that is kept"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "no type that is kept"),
        (b"\x00\x00\x00\x18ftypmp42", "controls a device"),
        ("Prüfbericht".encode("latin-1"), "UTF-8"),
        ("Prüfbericht".encode("utf-16"), "UTF-8"),
        (b"ring \x07 the bell", "controls a device"),
        (b"", "empty"),
        (b" \n\t ", "empty"),
    ],
    ids=range(20),
)
def test_what_is_not_kept_is_refused_whatever_it_is_called(raw, because):
    """Markup, programs, archives, films and other encodings, under every name of a kept type."""
    for declared in EXTENSIONS:
        refused(raw, declared, because)


# ------------------------------------------------------------------------------------ pictures

METADATA = {
    "image/jpeg": (
        jpeg.stripped, SOUND["image/jpeg"][1], files.jpeg(
            files.EXIF, files.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET),
            files.segment(0xED, b"Photoshop 3.0\0" + SECRET), files.segment(0xFE, SECRET),
            files.segment(0xE2, b"MPF\0" + SECRET), files.segment(0xE5, SECRET),
        ) + SECRET,
    ),
    "image/png": (
        png.stripped, SOUND["image/png"][1], files.png(
            files.png_chunk(b"tEXt", b"Author\0" + SECRET), files.png_chunk(b"eXIf", SECRET),
            files.png_chunk(b"iTXt", SECRET), files.png_chunk(b"zTXt", SECRET),
            files.png_chunk(b"tIME", bytes(7)), files.png_chunk(b"prVt", SECRET),
        ) + SECRET,
    ),
    "image/webp": (
        webp.stripped, files.webp(files.webp_header(0x10), files.STILL), files.webp(
            files.webp_header(0x10 | 0x0C), files.STILL, files.webp_chunk(b"EXIF", SECRET),
            files.webp_chunk(b"XMP ", SECRET), files.webp_chunk(b"note", SECRET),
        ) + SECRET,
    ),
}
"""By type: what strips it, a picture without metadata, and the same one full of it."""


@pytest.mark.parametrize("kind", METADATA)
def test_a_picture_loses_its_metadata_and_nothing_else(kind):
    """Where, when and by whom it was taken is gone, also from behind its end; pixels stay."""
    _, clean, full = METADATA[kind]

    assert SECRET in full
    assert clean == examine(full, kind).content


def test_what_says_how_pixels_look_stays():
    """Profiles of colour, Adobe's transform and transparency are no metadata of a person."""
    icc = files.segment(0xE2, b"ICC_PROFILE\0\x01\x01profile")
    adobe = files.segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01")
    looks = files.png_chunk(b"gAMA", bytes(4)) + files.png_chunk(b"tRNS", bytes(2))

    assert files.jpeg(icc, adobe) == jpeg.stripped(files.jpeg(icc, adobe))
    assert files.png(looks) == png.stripped(files.png(looks))


def test_a_preview_inside_a_jpeg_is_cut_out():
    """The small picture in a JFIF header may show what was cropped."""
    preview = b"JFIF\0\x01\x02\0\0\x01\0\x01\x01\x01" + SECRET[:3]
    raw = files.jpeg().replace(files.JFIF, files.segment(0xE0, preview))

    assert files.jpeg() == jpeg.stripped(raw)


@pytest.mark.parametrize("kind", METADATA)
def test_a_picture_that_is_cut_off_is_refused_at_every_length(kind):
    """No beginning of a picture passes for one."""
    strip, clean, _ = METADATA[kind]

    for length in range(12, len(clean)):
        with pytest.raises(TypeRefused):
            strip(clean[:length])


@pytest.mark.parametrize("kind", METADATA)
@given(data=st.data())
def test_damage_is_refused_or_harmless(kind, data):
    """However bytes are changed: a refusal or a picture that strips to itself, never a crash."""
    strip, _, full = METADATA[kind]
    raw = bytearray(full)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(12, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        kept = strip(bytes(raw))
    except TypeRefused:
        return
    assert kept == strip(kept)


@given(body=st.binary(max_size=60), marker=st.sampled_from([0xE1, 0xE3, 0xED, 0xEF, 0xFE]))
def test_whatever_stands_in_a_segment_is_gone(body, marker):
    """Metadata may hold anything, markers and ends of pictures included."""
    full = files.jpeg(files.segment(marker, body))

    assert files.jpeg() == jpeg.stripped(full)


@given(body=st.binary(max_size=60), kind=st.sampled_from([b"tEXt", b"eXIf", b"vpAg", b"caNv"]))
def test_whatever_stands_in_a_chunk_is_gone(body, kind):
    """The same for the two formats that are made of chunks."""
    assert files.png() == png.stripped(files.png(files.png_chunk(kind, body)))
    assert files.webp() == webp.stripped(files.webp(files.STILL, files.webp_chunk(kind, body)))


def test_a_flood_of_pixels_is_refused():
    """A few bytes that stand for a hundred million pixels would take the reader's memory."""
    width = MAX_PIXELS // 10_000 + 1
    pictures = {
        "image/png": files.png(width=width, height=10_000),
        "image/jpeg": files.jpeg(width=width, height=10_000),
        "image/webp": files.webp(files.webp_header(0, width, 10_000), files.STILL),
    }
    for kind, raw in pictures.items():
        refused(raw, kind, "pixels")
    refused(files.png(width=0), "image/png", "no pixels")


@pytest.mark.parametrize(
    ("raw", "kind", "because"),
    [
        (files.webp(files.webp_chunk(b"ANIM", bytes(6)), files.STILL), "image/webp", "moves"),
        (files.webp(files.webp_header(0)), "image/webp", "no picture"),
        (files.webp(files.STILL, files.STILL), "image/webp", "more than one"),
        (files.png(files.png_chunk(b"IHDR", bytes(13))), "image/png", "no pixels"),
        (files.png(files.png_chunk(b"XXXX", b"")), "image/png", "not known"),
        (b"\xff\xd8\xff\xd9", "image/jpeg", "no picture"),
        (b"\xff\xd8" + b"\xff" * 500_000, "image/jpeg", "cut off"),
    ],
    ids=range(7),
)
def test_other_builds_are_refused(raw, kind, because):
    """What moves, is empty, is doubled or needs what nobody knows."""
    refused(raw, kind, because)


# ----------------------------------------------------------------------------- PDF and Office


@pytest.mark.parametrize(
    ("raw", "because"),
    [
        (PDF[:-6], "cut off"),
        (PDF + HTML, "behind the end"),
        (PDF + files.office(), "behind the end|cut off"),
        (PDF.replace(b"1 0 obj", b"PK\x05\x06 1 0 obj"), "archive as well"),
        (b"%PDF-1.4\n" + HTML + PDF, "web page as well"),
    ],
    ids=range(5),
)
def test_a_pdf_is_nothing_else_as_well(raw, because):
    """Archives and pages that hide behind, inside or in front of a PDF are refused."""
    refused(raw, "application/pdf", because)
    for hidden in (b"\n" + PDF, b"GIF89a" + PDF):
        refused(hidden, "application/pdf", "was sent as|no type that is kept")


def altered(change) -> bytes:
    """Return a docx after a change to its archive."""
    packed = io.BytesIO(files.office())
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        change(archive)
    return packed.getvalue()


def _commented(archive: zipfile.ZipFile) -> None:
    archive.comment = b"a comment may be anything"


@pytest.mark.parametrize(
    ("raw", "because"),
    [
        (files.office(suffix="macroEnabled.main+xml"), "without macros"),
        (files.office(word__vbaProject_bin=b"x").replace(b"vbaProject_bin", b"vbaProject.bin"),
         "macros or embedded"),
        (files.office(word__embeddings__x=b"MZ"), "macros or embedded"),
        (files.office(word__activeX__a=b"x"), "macros or embedded"),
        (files.office("application/vnd.ms-package"), "Of archives only"),
        (files.office().replace(b"main.xml", b"../a.xml"), "leads elsewhere"),
        (altered(_commented), "behind the archive"),
        (files.office() + HTML, "behind the archive|damaged"),
        (files.office()[:-40], "damaged|behind"),
        (files.office()[:200], "damaged"),
        (altered(lambda one: one.writestr("x" * 9, bytes(MAX_UNPACKED + 1))), "unpacks to over"),
        (altered(lambda one: [one.writestr(str(n), "") for n in range(MAX_PARTS)]), "parts"),
    ],
    ids=range(12),
)
def test_archives_that_are_no_plain_document_are_refused(raw, because):
    """Macros, embedded objects, ways out, bombs, damage, and archives of anything else."""
    for kind in (DOCX, XLSX):
        refused(raw, kind, because)


def test_a_size_that_lies_is_not_believed():
    """A part that unpacks to more than its entry says is damaged, however small it claims to be."""
    raw = altered(lambda one: one.writestr("big.xml", bytes(500_000)))
    lying = raw.replace((500_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))

    assert raw != lying
    refused(lying, DOCX, "damaged")


def of_method(method: int) -> bytes:
    """Return a docx with one more part, compressed in another way than documents use."""
    return altered(lambda one: one.writestr("a.xml", bytes(range(256)) * 40, compress_type=method))


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 9, 93, 99],
    ids=["bzip2", "lzma", "deflate64", "zstandard", "aes"],
)
def test_parts_compressed_in_a_way_that_documents_do_not_use_are_refused(method):
    """ECMA-376 knows stored and deflated parts alone; no other unpacker is let loose on a file."""
    made = method if method in {zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA} else zipfile.ZIP_STORED
    raw = bytearray(of_method(made))
    entry = raw.rindex(b"PK\x01\x02")
    raw[entry + 10 : entry + 12] = method.to_bytes(2, "little")

    refused(bytes(raw), DOCX, "compressed in a way")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_any_damage_to_an_archive_is_a_refusal(method):
    """Every byte of a document, turned over one at a time: kept or refused, never a crash."""
    whole = of_method(method)
    for place in range(4, len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        try:
            assert examine(bytes(broken), DOCX).media_type == DOCX
        except TypeRefused:
            continue


def test_parts_that_share_their_bytes_are_refused():
    """A bomb of overlapping parts does not even get unpacked."""
    raw = bytearray(altered(lambda one: one.writestr("second.xml", bytes(1000))))
    directory = raw.index(b"PK\x01\x02")
    offsets = [at for at in range(directory, len(raw)) if raw[at : at + 4] == b"PK\x01\x02"]
    raw[offsets[1] + 42 : offsets[1] + 46] = raw[offsets[2] + 42 : offsets[2] + 46]

    refused(bytes(raw), DOCX, "between|damaged")


@given(raw=st.binary(max_size=400), declared=st.sampled_from([*EXTENSIONS, "", "text/html"]))
def test_any_bytes_are_kept_or_refused(raw, declared):
    """Whatever comes in, the answer is a file of a kept type or a refusal, and never a crash."""
    starts = [b"", b"PK\x03\x04", b"%PDF-", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP",
              b"\x89PNG\r\n\x1a\n"]
    for start in starts:
        try:
            assert examine(start + raw, declared).media_type == declared
        except TypeRefused:
            continue


# --------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("given_name", "kind", "expected"),
    [
        ("report.pdf", "application/pdf", "report.pdf"),
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ("C:\\Users\\vera\\crack.JPG", "image/jpeg", "crack.JPG"),
        ("invoice.exe", "application/pdf", "invoice.exe.pdf"),
        ("a\u202egnp.exe", "image/png", "agnp.exe.png"),
        ("line\r\nbreak\0.csv", "text/csv", "linebreak.csv"),
        ('a<b>:"c|d?*.txt', "text/plain", "a_b___c_d__.txt"),
        ("CON.pdf", "application/pdf", "_CON.pdf"),
        ("...", "application/pdf", "evidence.pdf"),
        (".pdf", "application/pdf", "pdf.pdf"),
        ("Prüfbericht Nr. 5.pdf", "application/pdf", "Prüfbericht Nr. 5.pdf"),
    ],
    ids=range(11),
)
def test_names_are_made_safe(given_name, kind, expected):
    """No way elsewhere, nothing hidden, no ending that lies; what is harmless stays readable."""
    assert expected == safe_name(given_name, kind)


@given(text=st.text(max_size=300), kind=st.sampled_from([*EXTENSIONS]))
def test_any_name_becomes_a_harmless_one(text, kind):
    """At most 200 bytes, one segment of a path, a fitting ending, and safe when done again."""
    name = safe_name(text, kind)

    assert 0 < len(name.encode()) <= MAX_BYTES
    assert not set(name) & set('/\\<>:"|?*\0\r\n')
    assert name.lower().endswith(EXTENSIONS[kind])
    assert not name.startswith((".", " "))
    assert name == safe_name(name, kind)
