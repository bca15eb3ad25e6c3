"""Reading mails from anybody: whose words, about what, and whether a person wrote them."""

from email.message import EmailMessage
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.notices.inbound import SIZE_LIMIT, TEXT_LIMIT, read_mail
from freezeguard.notices.mailwords import without_quotes, words_of
from freezeguard.ports.mails import Content, MailUnreadableError


def mail(text: str = "Samples are on the way.", **headers: str) -> EmailMessage:
    """Return a mail of a vendor in answer to a notice."""
    made = EmailMessage()
    written = {
        "From": "Vera <Vera@acme.example>", "To": "quality+7@shop.example",
        "Message_ID": "<m1@acme.example>", **headers,
    }
    for name, value in written.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


def report(action: str = "failed", status: str = "5.1.1", **more: str) -> bytes:
    """Return what a mail server says of a mail of ours."""
    about = more.get("about", "<notice.0190a1b2-0000-7000-8000-000000000001@shop.example>")
    return (
        "From: MAILER-DAEMON@mx.acme.example\r\nTo: shop@shop.example\r\n"
        "Message-ID: <r1@mx.acme.example>\r\nAuto-Submitted: auto-replied\r\nReturn-Path: <>\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt did not work.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.acme.example\r\n\r\n"
        f"Final-Recipient: rfc822; {more.get('to', 'Gone@acme.example')}\r\n"
        f"Action: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 no such box\r\n\r\n"
        f"--b\r\nContent-Type: {more.get('original', 'message/rfc822')}\r\n\r\n"
        f"Message-ID: {about}\r\nSubject: x\r\n\r\nbody\r\n--b--\r\n"
    ).encode()


def test_an_answer_is_read() -> None:
    """Sender, all recipients, what it answers (the nearest first), and its words."""
    sent = mail(
        In_Reply_To="<notice.b@shop.example>",
        References="<notice.a@shop.example> <notice.b@shop.example>", Cc="Boss <boss@x.example>",
    )
    found = read_mail(sent.as_bytes(), "Quality+7@shop.example")

    assert "vera@acme.example" == found.sender
    assert ("quality+7@shop.example", "boss@x.example") == found.recipients[1:]
    assert "quality+7@shop.example" == found.recipients[0]
    assert ("<notice.b@shop.example>", "<notice.a@shop.example>") == found.refers_to
    assert (Content("Samples are on the way."), False) == (found.read(), found.automatic)


QUOTED = [
    ("Fine.\n\nOn Tue, 3 Nov 2026 at 10:00, Shop <s@x> wrote:\n> Sale stopped\n> why", "Fine."),
    ("Gut.\n\nAm 03.11.26 um 10:00 schrieb Shop:\n> Verkauf gestoppt\n", "Gut."),
    ("On Tue, Shop wrote:\n> Why?\n\nBecause of the resin.", "Because of the resin."),
    ("On Tue, 3 November 2026, the shop with a long name\n<s@x.example> wrote:\n> Why?\nOk", "Ok"),
    ("One\n> quoted\nTwo", "One\nTwo"),
    ("Ja.\n\n-----Ursprüngliche Nachricht-----\nVon: Shop\nalles", "Ja."),
    ("Yes.\n-----Original Message-----\nall", "Yes."),
    ("Ja.\n\nVon: Shop <s@x>\nGesendet: Dienstag\nAn: Vera\nBetreff: x\n\nText", "Ja."),
    ("Yes.\n________________________________\nFrom: Shop", "Yes."),
    ("Yes.\n\n-- \nVera\nAcme", "Yes."),
    ("From: is a word that we use.\nStill ours.", "From: is a word that we use.\nStill ours."),
    ("> only quoted", "> only quoted"),
    ("-- \nonly a signature", "-- \nonly a signature"),
]


@pytest.mark.parametrize(("text", "expected"), QUOTED)
def test_the_original_is_left_out(text: str, expected: str) -> None:
    """What is quoted goes, above and below, English and German; nobody's own words do."""
    assert expected == without_quotes(text)


def test_attachments_are_named_and_left_alone() -> None:
    """Names of files are known, their content is not kept; an HTML copy is no attachment."""
    sent = mail("See the photo.")
    sent.add_alternative("<p>See the photo.</p>", subtype="html")
    sent.add_attachment(b"\xff\xd8", maintype="image", subtype="jpeg", filename="riß.jpg")
    found = read_mail(sent.as_bytes()).read()

    assert ("See the photo.", 1) == (found.text, len(found.attachments))
    assert found.attachments[0].endswith("jpg")


def test_a_mail_of_html_alone_is_read() -> None:
    """Words without tags, scripts and styles; what it quotes is left out."""
    sent = mail()
    sent.set_content(
        "<head><style>p{}</style></head><p>Fixed &amp; tested.</p><div>Vera</div>"
        "<blockquote>Sale stopped</blockquote><script>x()</script>", subtype="html",
    )
    assert "Fixed & tested.\nVera" == read_mail(sent.as_bytes()).read().text


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"}, {"Auto_Submitted": "auto-generated; x=y"},
        {"Precedence": "bulk"}, {"Precedence": "Auto_Reply"}, {"List_Id": "<l.x.example>"},
        {"X_Autoreply": "yes"}, {"Return_Path": "<>"},
    ],
)
def test_what_a_machine_wrote_is_known(headers: dict[str, str]) -> None:
    """Absence notes, lists and bulk mail are automatic; `no` is said by people."""
    assert read_mail(mail(**headers).as_bytes()).automatic
    assert not read_mail(mail(Auto_Submitted="no").as_bytes()).automatic


@pytest.mark.parametrize("original", ["message/rfc822", "text/rfc822-headers"])
def test_a_report_is_read(original: str) -> None:
    """Which mail of ours, whom it did not reach, why, and whether that is final."""
    found = read_mail(report(original=original)).read_report()

    assert "<notice.0190a1b2-0000-7000-8000-000000000001@shop.example>" == found.message_id
    assert ("gone@acme.example", True) == (found.recipient, found.final)
    assert "5.1.1 smtp; 550 no such box" == found.detail


@pytest.mark.parametrize(("action", "status"), [("delayed", "4.4.1"), ("failed", "4.2.2"),
                                                ("delivered", "2.0.0"), ("", "")])
def test_a_report_that_is_not_final(action: str, status: str) -> None:
    """A delay or a delivery is no bounce."""
    found = read_mail(report(action, status)).read_report()

    assert not found.final


@pytest.mark.parametrize(("raw", "told"), [(b" \r\n", "empty"), (b"x" * (SIZE_LIMIT + 1), "bytes")])
def test_what_is_no_mail_is_refused(raw: bytes, told: str) -> None:
    """Nothing, and too much, is told in words."""
    with pytest.raises(MailUnreadableError, match=told):
        read_mail(raw)


def test_a_mail_with_two_authors_has_no_sender() -> None:
    """Nobody's name would be the right one for its comment."""
    assert read_mail(mail(From="a@x.example, b@x.example").as_bytes()).sender is None


def test_a_mail_without_an_id_is_known_by_its_bytes() -> None:
    """The same mail again is the same; another one is another."""
    sent = mail()
    del sent["Message-ID"]
    first, again = read_mail(sent.as_bytes()), read_mail(sent.as_bytes())

    assert first.message_id == again.message_id
    assert first.message_id != read_mail(sent.as_bytes() + b"x").message_id


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>One</p><P CLASS='a > b'>two", "One\ntwo"),
        ('<a title="1 > 0" href=x>link</a> 2 < 3 <!-- <p>no --> &euro;&#8364;', "link 2 < 3  €€"),
        ("<script>if (a<b) write('<script>')</script>seen<style>p{}</STYLE>", "seen"),
        ("a <b unclosed", "a <b unclosed"),
        ("<!doctype html><body>I don't <b>and</b> won't", "I don't and won't"),
        (f"&#{'1' * 5000};<img src='data:{'A' * 9000}'>end", "\ufffdend"),
    ],
)
def test_pages_of_every_writer_are_read(page: str, expected: str) -> None:
    """Quotes, comments, scripts, characters by number, and tags that are none."""
    assert expected == words_of(page)


HEAD = b"From: vera@acme.example\r\nTo: quality+7@shop.example\r\n"
PAGE = HEAD + b"Content-Type: text/html\r\n\r\n"
NESTED = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
TEDIOUS = {
    "attribution": HEAD + b"\r\nam " + b"schrieb " * 36 + b"x" * 210 + b"\n" + b">\n" * 200_000,
    "attributions": HEAD + b"\r\n" + (b"am " + b"schrieb " * 70 + b":\n>\n") * 2_000,
    "one long line": HEAD + b"\r\n" + b"a" * 1_000_000 + b"\n>" * 300_000,
    "tags": PAGE + b"<" * 300_000 + b">",
    "quotes": PAGE + b"<a ='" * 60_000 + b"='>'",
    "starts": PAGE + b"<a " * 120_000 + b"='>'",
    "comments": PAGE + b"<!--" * 100_000,
    "sections": PAGE + b"<![CDATA[" * 40_000 + b">",
    "entities": PAGE + b"&#" * 190_000,
    "author": HEAD.replace(b"vera@acme.example", b"((" * 1_900) + b"\r\nx",
    "authors": HEAD.replace(b"vera@acme.example", b"a@b," * 60_000) + b"\r\nx",
    "references": HEAD + b"References: " + b"=?utf-8?q?a " * 15_000 + b"\r\n\r\nx",
    "headers": HEAD + b"X: y\r\n" * 1_000_000 + b"\r\nx",
    "parameters": HEAD + b"Content-Type: text/plain;" + b'a="' * 60_000 + b"\r\n\r\nx",
    "semicolons": HEAD + b"Content-Type: text/plain" + b";" * 200_000 + b"\r\n\r\nx",
    "nesting": HEAD + b"".join(NESTED % (n, n) for n in range(20_000)) + b"\n" * 5_000_000,
    "parts": HEAD + NESTED % (1, 1) + b"\r\n--b1\r\n" * 500_000,
    "mails": HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 300_000,
    "punycode": HEAD + b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a-" * 400_000,
    "blocks": report().replace(b"Reporting-MTA", b"A: b\r\n\r\n" * 300_000 + b"Reporting-MTA"),
}
"""Mails that took minutes or hours to read."""


@pytest.mark.parametrize("name", TEDIOUS)
def test_no_mail_is_tedious(name: str) -> None:
    """Whatever is in a mail, it is read or refused within a few seconds of the processor."""
    began = process_time()
    try:
        found = read_mail(TEDIOUS[name])
        found.read()
        found.read_report()
    except MailUnreadableError:
        pass

    assert process_time() - began < 10


def test_what_is_left_out_leaves_the_rest_as_it_was() -> None:
    """Parts in parts, headers that are none and a boundary without an end are read all the same."""
    raw = (
        HEAD + b'Content-Type: multipart/mixed; boundary="a"\r\n\r\n'
        b"preamble --a\r\n"
        b"--a\r\nContent-Type: multipart/alternative; boundary=aa\r\n\r\n"
        b"--aa\r\n\r\nplain --a\r\n--aa\r\nContent-Type: text/html\r\n\r\n<p>page\r\n--aa--\r\n"
        b"--a \r\nno header at all\r\n"
        b"--a\r\nContent-Type: image/png; name=crack.png\r\n\r\nx"
    )

    assert Content("plain --a\nno header at all", ("crack.png",)) == read_mail(raw).read()


def _lines() -> Any:
    header = st.sampled_from([
        b"From: ", b"To: ", b"Content-Type: ", b"Subject: =?utf-8?b?", b"Message-ID: <",
        b"Content-Type: multipart/mixed; boundary=b", b"--b", b"--b--", b"", b"References: ",
        b"Content-Transfer-Encoding: base64", b"Content-Type: text/html; charset=nonsense",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        b"Content-Type: message/delivery-status", b"Content-Type: message/rfc822",
        b"Content-Disposition: attachment; filename*=x'y'%ff",
    ])
    return st.lists(st.tuples(header, st.binary(max_size=30)), max_size=25).map(
        lambda found: b"\r\n".join(one + more for one, more in found)
    )


@given(_lines())
def test_no_bytes_surprise_the_reader(raw: bytes) -> None:
    """Any bytes are read, or refused in words; what is kept is bounded and can be stored."""
    try:
        found = read_mail(raw)
        content = found.read()
        returned = found.read_report()
    except MailUnreadableError:
        return
    assert len(content.text) <= TEXT_LIMIT
    stored = (content.text, *content.attachments, found.message_id, str(found.sender),
              returned.detail, str(returned.recipient))
    assert "\x00" not in "".join(stored)
    "".join(stored).encode()
