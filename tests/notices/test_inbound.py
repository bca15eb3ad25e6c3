"""Reading mails from anybody: whose words, about what, and whether a person wrote them."""

from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.notices.inbound import SIZE_LIMIT, TEXT_LIMIT, read_mail, without_quotes
from freezeguard.ports.mails import MailUnreadableError


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
    assert ("Samples are on the way.", (), False) == (
        found.text, found.attachments, found.automatic
    )


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
    found = read_mail(sent.as_bytes())

    assert ("See the photo.", 1) == (found.text, len(found.attachments))
    assert found.attachments[0].endswith("jpg")


def test_a_mail_of_html_alone_is_read() -> None:
    """Words without tags, scripts and styles; what it quotes is left out."""
    sent = mail()
    sent.set_content(
        "<head><style>p{}</style></head><p>Fixed &amp; tested.</p><div>Vera</div>"
        "<blockquote>Sale stopped</blockquote><script>x()</script>", subtype="html",
    )
    assert "Fixed & tested.\nVera" == read_mail(sent.as_bytes()).text


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
    found = read_mail(report(original=original)).returned

    assert found is not None
    assert "<notice.0190a1b2-0000-7000-8000-000000000001@shop.example>" == found.message_id
    assert ("gone@acme.example", True) == (found.recipient, found.final)
    assert "5.1.1 smtp; 550 no such box" == found.detail


@pytest.mark.parametrize(("action", "status"), [("delayed", "4.4.1"), ("failed", "4.2.2"),
                                                ("delivered", "2.0.0"), ("", "")])
def test_a_report_that_is_not_final(action: str, status: str) -> None:
    """A delay or a delivery is no bounce."""
    found = read_mail(report(action, status)).returned

    assert found is not None
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
    except MailUnreadableError:
        return
    assert len(found.text) <= TEXT_LIMIT
    assert "\x00" not in found.text + found.message_id + "".join(found.attachments)
    (found.text + found.message_id + str(found.sender) + "".join(found.attachments)).encode()
