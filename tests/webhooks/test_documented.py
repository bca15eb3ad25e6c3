"""What docs/webhooks.md says is so."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from freezeguard.services.delivering.posting import DISABLE_AFTER, SCHEDULE, WARN_AFTER
from freezeguard.services.telling.news import known_types
from freezeguard.webhooks.signing import published, signature

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
CODE = dict(zip(("v1", "v1a"), re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL), strict=True))
UNITS = {"s": "seconds", "min": "minutes", "h": "hours"}


@pytest.mark.parametrize("scheme", ["v1", "v1a"])
@pytest.mark.parametrize("is_ours", [True, False])
def test_the_code_for_receivers_works(scheme: str, is_ours: bool) -> None:
    """Copied with one's own key it takes our messages, and nobody else's."""
    secret, body = b"s" * 32, b'{"type":"webhook.test"}'
    key = published(scheme, secret if is_ours else b"x" * 32)  # type: ignore[arg-type]
    now = int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": "msg_1", "webhook-timestamp": str(now),
        "webhook-signature": signature(scheme, [b"n" * 32, secret], "msg_1", now, body),  # type: ignore[arg-type]
    }  # fmt: skip
    names = {"headers": headers, "body": body}
    code = re.sub(r'"wh(sec|pk)_…"', repr(key), CODE[scheme])

    if is_ours:
        exec(code, names)  # noqa: S102 - the page's own code
        assert {"type": "webhook.test"} == names["news"]
    else:
        with pytest.raises(Exception, match=r"(?i)^$|signature"):
            exec(code, names)  # noqa: S102


def test_the_schedule_is_the_one_that_is_kept() -> None:
    """Every pause, and what becomes of an endpoint after how long."""
    said = re.search(r"at once, and after a further (.*?), which", PAGE, re.DOTALL)
    assert said is not None
    units, pauses = "s", []
    for number, unit in reversed(re.findall(r"(\d+)\s*(s|min|h)?", said[1])):
        units = unit or units
        pauses.append(timedelta(**{UNITS[units]: int(number)}).total_seconds())

    assert [*SCHEDULE] == pauses[::-1]
    assert f"{WARN_AFTER.total_seconds() / 3600:g} hours" in PAGE
    assert f"{DISABLE_AFTER.days} days" in PAGE


def test_types_that_are_named_exist() -> None:
    """Every type on the page is one that an endpoint may ask for, or the test message."""
    named = set(re.findall(r"\b(?:case|hold|webhook)\.[a-z_]+\b", PAGE))

    assert {*known_types(), "webhook.test"} >= named
