"""Settings of signed deliveries: what is refused, and that the page's examples are true."""

import base64
import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from freezeguard.bootstrap.doctor import examine_everything
from freezeguard.bootstrap.inbound import open_endpoints, try_payload
from freezeguard.bootstrap.inbound_settings import InboundMap, InboundSettings
from freezeguard.bootstrap.settings import Settings, SettingsUnfit

PAGE = (Path(__file__).parents[2] / "docs" / "inbound.md").read_text("utf-8")
EXAMPLE = re.compile(
    r"^## (?P<title>[^\n]+)\n(?:(?!^## ).)*?^```toml\n(?P<toml>.*?)^```$"
    r"(?:(?!^## ).)*?^```json\n(?P<payload>.*?)^```$"
    r"(?:(?!^## ).)*?^```json\n(?P<result>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
EXAMPLES = {one["title"]: one for one in EXAMPLE.finditer(PAGE)}
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
PLAIN = "a-secret-of-32-characters-000001"
STANDARD = "whsec_" + base64.b64encode(bytes(32)).decode()
VARIABLES = {
    "ZENDESK_SECRET": PLAIN, "SHOPIFY_SECRET": PLAIN, "SURVEY_SECRET": STANDARD,
    "LAB_SECRET": PLAIN, "LAB_OLD_SECRET": PLAIN[::-1],
}


def table(**changes: Any) -> dict[str, Any]:
    """Return a table that is good but for the changes."""
    whole = {
        "kind": "hmac", "secret": PLAIN, "source": "s", "signature_header": "X-Signature",
        "map": {"sku": "$.sku", "occurred_at": "$.at"}, **changes,
    }
    return {key: value for key, value in whole.items() if value is not None}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the secrets of the page's examples."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FREEZEGUARD_CONFIG", "/dev/null")


def test_each_kind_has_its_example() -> None:
    """The test below looks at all four."""
    kinds = [tomllib.loads(one["toml"])["inbound"].popitem()[1]["kind"]
             for one in EXAMPLES.values()]

    assert ["zendesk", "shopify", "standard", "hmac"] == kinds


@pytest.mark.parametrize("title", EXAMPLES)
def test_the_examples_of_the_page_are_true(title: str) -> None:
    """With the settings as shown, the payload as shown becomes the signals as shown."""
    example = EXAMPLES[title]
    tables = Settings(**tomllib.loads(example["toml"])).inbound
    shown = json.loads(example["result"])

    trial = try_payload(*next(iter(tables.items())), example["payload"].encode(), NOW)

    assert tables.keys() == open_endpoints(tables).keys()

    assert (shown if isinstance(shown, list) else [shown]) == trial.signals
    assert [] == trial.rejected


def test_the_body_of_the_trigger_is_what_the_example_is_made_of() -> None:
    """What the page gives to paste into Zendesk has the fields of its delivery."""
    trigger = re.search(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert trigger is not None
    pasted, delivered = (json.loads(one)["ticket"]
                         for one in (trigger[1], EXAMPLES["Zendesk"]["payload"]))

    assert delivered.keys() == pasted.keys()
    assert [one["id"] for one in delivered["custom_fields"]] == [
        one["id"] for one in pasted["custom_fields"]
    ]


@pytest.mark.parametrize(("changes", "words"), [
    ({"kind": "pigeon"}, "kind"),
    ({"secret": None}, "secret"),
    ({"secret": []}, "secret"),
    ({"secret": [PLAIN, PLAIN, PLAIN]}, "secret"),
    ({"source": ""}, "source"),
    ({"signature_header": None}, "signature_header is missing"),
    ({"signature_header": "X Signature"}, "signature_header"),
    ({"kind": "zendesk"}, "signature_header: only the kind hmac"),
    ({"kind": "shopify", "signature_header": None, "map": {}}, "map.intent is missing"),
    ({"tolerance": "2h"}, "tolerance"),
    ({"tolerance": "soon"}, "tolerance"),
    ({"map": {"sku": "$.sku"}}, "map.occurred_at is missing"),
    ({"map": {"occurred_at": "$.at"}}, "map.sku is missing"),
    ({"map": {"sku": "$.", "occurred_at": "$.at"}}, "map.sku"),
    ({"map": {"sku": "@.sku", "occurred_at": "$.at"}}, "begin with @"),
    ({"map": {"sku": "$.sku", "occurred_at": "$.at", "when": {"@.a": 1}}}, "begin with @"),
    ({"map": {"sku": "$.sku", "occurred_at": "$.at", "items": "$.lines"}}, r"ends in \[\*\]"),
    ({"map": {"id": "$.id", "sku": "@.sku", "occurred_at": "$.at", "items": "$.lines[*]"}},
     "map.id must have a path that begins with @"),
    ({"map": {"sku": "$.sku", "occurred_at": "$.at", "values": {"lot": {"a": "b"}}}},
     "map.values.lot"),
    ({"map": {"sku": "$.sku", "occurred_at": "$.at", "severty": "major"}}, "severty"),
    ({"map": {"sku": "$.sku", "occurred_at": "$.at", "when": {"$.a": []}}}, "when"),
])
def test_what_can_not_work_is_refused_at_the_start(changes: dict[str, Any], words: str) -> None:
    """By its name, and without the secret in the text."""
    with pytest.raises(ValidationError, match=words) as refused:
        Settings(inbound={"desk": table(**changes)})

    assert PLAIN not in str(refused.value)


@pytest.mark.parametrize(("changes", "words"), [
    ({"secret": "short"}, "less than 16 characters"),
    ({"secret": "{env:NO_SUCH_VARIABLE}"}, "NO_SUCH_VARIABLE is not set"),
    ({"secret": "{file:/no/such/file}"}, "can't be read"),
    ({"kind": "standard", "signature_header": None, "secret": "whsec_$$$"}, "base64"),
    ({"kind": "standard", "signature_header": None, "secret": "whsec_c2hvcnQ="}, "24"),
])
def test_a_secret_that_is_none_is_refused(changes: dict[str, Any], words: str) -> None:
    """By the name of its endpoint; the secret itself is not repeated."""
    tables = {"desk": InboundSettings.model_validate(table(**changes))}
    with pytest.raises(SettingsUnfit, match=f"inbound.desk.secret: .*{words}") as refused:
        open_endpoints(tables)

    assert "whsec_c2hvcnQ=" not in str(refused.value)


@pytest.mark.parametrize(("secret", "verdict"), [(PLAIN, "well"), ("short", "bad")])
async def test_doctor_looks_at_the_secrets(tmp_path: Path, secret: str, verdict: str) -> None:
    """An endpoint that the service would not start with is named, with its remedy."""
    settings = Settings(data_dir=tmp_path, inbound={"desk": table(secret=secret)})
    found = {one.name: one async for one in examine_everything(settings)}["inbound"]

    assert (verdict, True, verdict == "bad") == (
        found.verdict, "desk" in found.detail, bool(found.remedy),
    )


def test_two_endpoints_can_not_share_a_secret() -> None:
    """A delivery to one would be good for the other."""
    tables = {name: InboundSettings.model_validate(table()) for name in ("one", "other")}

    with pytest.raises(SettingsUnfit, match=r"inbound\.one and inbound\.other"):
        open_endpoints(tables)


def test_a_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """One as it is, two as JSON; the rest of the table from where it is."""
    for text, number in ((PLAIN, 1), (json.dumps([PLAIN, PLAIN[::-1]]), 2)):
        monkeypatch.setenv("FREEZEGUARD_INBOUND__DESK__SECRET", text)
        settings = Settings(inbound={"desk": table(secret=None)})

        assert number == len(open_endpoints(settings.inbound)["desk"].scheme.secrets)
        assert PLAIN not in repr(settings)


def test_what_a_table_says_wins_over_its_kind() -> None:
    """A field of one's own takes the place of the kind's, and of its table of values."""
    own = {"sku": "$.s", "severity": "$.level", "values": {"severity": {"bad": "critical"}}}
    given = table(kind="zendesk", signature_header=None, map=own)
    ticket = {"ticket": {"id": 1, "created_at": "2026-11-21T09:30:00Z"}, "s": "K", "level": "BAD"}

    trial = try_payload(
        "desk", InboundSettings.model_validate(given), json.dumps(ticket).encode(), NOW
    )

    assert ("critical", "1") == (trial.signals[0]["severity"], trial.signals[0]["id"])


def test_every_field_of_a_signal_can_be_mapped() -> None:
    """The map knows what the contract knows; the source is the endpoint's."""
    from freezeguard.api.models.signals import SignalIn

    others = {"extra", "values", "items", "when"}
    assert SignalIn.model_fields.keys() - {"source"} == InboundMap.model_fields.keys() - others
