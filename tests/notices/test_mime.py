"""What a message looks like on the wire: safe headers, two parts, one thread, under 100 kB."""

from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import compat32, default
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezeguard.notices.mime import SIZE_LIMIT, compose
from freezeguard.ports.notices import Message, NoticeError, message_id_for

INJECTIONS = (
    "x\r\nBcc: evil@x.example",
    "x\nBcc: evil@x.example",
    "x\rBcc: evil@x.example",
    "x\r\n\r\n<script>",
    "x\x00\x0b\x0cBcc: evil@x.example",
    "x\x85Bcc: evil@x.example",
    "x\u2028Bcc: evil@x.example\u2029y",
    "=?utf-8?q?x=0D=0ABcc=3A_evil=40x.example?=",
    "=?utf-8?b?eA0KQmNjOiBldmlsQHguZXhhbXBsZQ==?=",
    "Bcc: evil@x.example",
    "\u202eelpmaxe.x@live\u202c",
    'evil@x.example, "',
    "evil@x.example>, <other@x.example",
    "🫖" * 300,
    "a" * 5_000,
    "ß " * 2_000,
    "\ud800 half",
)


def _message(**changes: Any) -> Message:
    fields: dict[str, Any] = {
        "message_id": message_id_for("4711", "freezeguard.example"),
        "recipient": "quality@vendor.example",
        "sender": "Example Shop <freezeguard@shop.example>",
        "subject": "Sale stopped",
        "text": "text\n",
        "html": "<p>text</p>",
        "date": datetime(2025, 11, 22, 13, 5, tzinfo=UTC),
        **changes,
    }
    return Message(**fields)


def _read(wire: bytes) -> EmailMessage:
    read = message_from_bytes(wire, policy=default)
    assert isinstance(read, EmailMessage)
    return read


def _subject(wire: bytes) -> str:
    return str(make_header(decode_header(message_from_bytes(wire, policy=compat32)["Subject"])))


@pytest.mark.parametrize("bad", INJECTIONS)
def test_no_text_makes_a_header(bad: str) -> None:
    """SKU and vendor names reach subject, names and own headers as one line each, no more."""
    sender = f"{bad} <freezeguard@shop.example>" if "<" not in bad else "freezeguard@shop.example"
    wire = compose(_message(subject=bad, sender=sender, headers={"Freezeguard-Case": bad})).wire
    read = _read(wire)
    head = wire.split(b"\r\n\r\n", 1)[0]

    assert not {"bcc", "cc"} & {name.lower() for name in read.keys()}  # noqa: SIM118 - keys repeat
    assert ["quality@vendor.example"] == [one.addr_spec for one in read["To"].addresses]
    assert ["freezeguard@shop.example"] == [one.addr_spec for one in read["From"].addresses]
    assert all(line[:1].isspace() or b": " in line for line in head.split(b"\r\n"))
    assert all(len(line) <= 998 for line in wire.split(b"\r\n"))
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert "multipart/alternative" == read.get_content_type()


@given(st.text(max_size=300), st.text(max_size=80))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_subject_and_name_survive(subject: str, name: str) -> None:
    """Whatever the text, the headers are those that we wrote, and the words are there."""
    sender = f"{name.replace('<', '').replace('>', '')} <freezeguard@shop.example>"
    wire = compose(_message(subject=subject, sender=sender)).wire
    read = _read(wire)
    names = [key.lower() for key in read.keys()]  # noqa: SIM118 - keys repeat

    assert [
        *("from", "to", "subject", "date", "message-id", "auto-submitted"),
        *("x-auto-response-suppress", "mime-version", "content-type"),
    ] == names
    assert ["freezeguard@shop.example"] == [one.addr_spec for one in read["From"].addresses]
    assert wire.isascii()


@pytest.mark.parametrize(
    "subject",
    [
        "[FG-1] Sale stopped: KETTLE/17 – Wasserkocher 1,7 l 🫖",
        "=?utf-8?q?not_encoded?= by us",
        "停止销售：" + "电热水壶" * 20,
        "x" * 180,
        "",
    ],
)
def test_a_subject_is_read_as_written(subject: str) -> None:
    """Any language arrives whole, in encoded words that are short enough for RFC 2047."""
    wire = compose(_message(subject=subject)).wire
    words = [word for word in wire.split() if word.startswith(b"=?")]

    assert subject == _subject(wire)
    assert all(len(word) <= 75 for word in words)


def test_a_case_is_one_thread() -> None:
    """Later notices of a case refer to its first; ids are the same at every try, and stay whole."""
    domain = "a-rather-long-name-of-a-mail-domain.department.freezeguard.example"
    first = message_id_for("0192f3a4-5b6c-7d8e-9f00-112233445566", domain)
    second = message_id_for("0192f3a4-5b6c-7d8e-9f00-112233445567", domain)
    wire = compose(_message(message_id=second, in_reply_to=first, references=(first, first))).wire
    read = message_from_bytes(wire, policy=compat32)

    assert second == read["Message-ID"]
    assert first == read["In-Reply-To"]
    assert [first, first] == read["References"].split()
    assert first == message_id_for("0192f3a4-5b6c-7d8e-9f00-112233445566", domain)


def test_a_long_thread_keeps_its_first_message() -> None:
    """Of many references the first and the last are kept."""
    ids = tuple(message_id_for(str(number), "x.example") for number in range(50))
    kept = message_from_bytes(compose(_message(references=ids)).wire)["References"].split()

    assert [ids[0], *ids[-9:]] == kept


@pytest.mark.parametrize("notice_id", ["a b", "<x>", "é", "x@y", "a" * 65, "", "a\r\nBcc: x"])
def test__any_notice_id_makes_a_message_id(notice_id: str) -> None:
    """An id of other characters goes in as a hash, always the same."""
    made = message_id_for(notice_id, "x.example")

    assert made == message_id_for(notice_id, "x.example")
    assert compose(_message(message_id=made)).wire


@pytest.mark.parametrize(
    "changes",
    [
        {"message_id": "no brackets@x.example"},
        {"message_id": "<a@x.example>\r\nBcc: evil@x.example"},
        {"in_reply_to": "<a b@x.example>"},
        {"references": ("<a@x.example>", "b")},
        {"headers": {"Bcc": "evil@x.example"}},
        {"headers": {"Subject": "other"}},
        {"headers": {"X-Y: z\r\nBcc": "evil@x.example"}},
        {"sender": "nobody"},
        {"reply_to": "a@b.example, c@d.example"},
    ],
)
def test_what_can_not_be_written_is_refused(changes: dict[str, Any]) -> None:
    """Our own mistakes are errors for good, and none of the recipient's fault."""
    with pytest.raises(NoticeError) as refused:
        compose(_message(**changes))

    assert not refused.value.recoverable
    assert not refused.value.permanent_recipient


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("short\n", "<p>short</p>"),
        ("日本語\n" * 2_000, "<p>日本語</p>" * 1_000),
        ("x" * 90_000, "<p>" + "y" * 90_000),
        ("🫖" * 200_000, "<p>" + "🫖" * 200_000),
        ("=" * 200_000, ""),
        ("a\n" * 100_000, "<p>"),
        ("\ud800\x00\x1b[2J half and NUL\n", "<p>\ud800\x00</p>"),
    ],
)
def test_a_message_is_never_too_large(text: str, html: str) -> None:
    """What does not fit loses the HTML part first, then the end of the text."""
    envelope = compose(_message(text=text, html=html))
    read = _read(envelope.wire)
    plain = read.get_body(("plain",))

    assert len(envelope.wire) <= SIZE_LIMIT
    assert plain is not None
    assert plain.get_content().strip()
    assert all(len(line) <= 998 for line in envelope.wire.split(b"\r\n"))
    assert envelope.wire.isascii()
    assert b"\x00" not in envelope.wire


def test_the_same_message_has_the_same_bytes() -> None:
    """A repeat of a notice is the same mail, byte for byte."""
    assert compose(_message()).wire == compose(_message()).wire


def test_the_date_keeps_its_zone() -> None:
    """The date is that of the message, not of the moment of sending."""
    date = datetime(2025, 11, 22, 14, 5, tzinfo=timezone(timedelta(hours=1)))

    assert "Sat, 22 Nov 2025 14:05:00 +0100" == _read(compose(_message(date=date)).wire)["Date"]


def test__names_are_quoted() -> None:
    """A comma or a quote in a name does not make two addresses."""
    wire = compose(_message(sender='Shop "A", Ltd. <freezeguard@shop.example>')).wire
    sender = _read(wire)["From"].addresses

    assert [('Shop "A", Ltd.', "freezeguard@shop.example")] == [
        (one.display_name, one.addr_spec) for one in sender
    ]
