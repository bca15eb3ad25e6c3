"""Master data: what is accepted and what is not, in the model and in its schema alike."""

import json
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel, TypeAdapter

from freezeguard.api.json_text import validate
from freezeguard.api.models.masterdata import KeyIn, PersonIn, SkuIn, SourceIn, VendorIn
from freezeguard.api.models.signals import EXAMPLE as SIGNAL
from freezeguard.api.models.signals import SignalIn
from freezeguard.api.models.units import EXAMPLE as UNITS
from freezeguard.api.models.units import UnitsIn
from freezeguard.api.refusals import InvalidFields

GOOD: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (SkuIn, {}),
    (SkuIn, {"title": "Kettle ☕", "vendor": "acme", "gtin": "4006381333931", "price": "19.9"}),
    (VendorIn, {"name": "Acme"}),
    (VendorIn, {"name": "Acme", "contacts": {"email": ["a@b.example"]}, "language": "pt-BR",
                "time_zone": "Europe/Berlin"}),
    (PersonIn, {"name": "Ann", "roles": ["manager", "analyst"], "areas": ["kitchen"]}),
    (PersonIn, {"name": "Vera", "roles": ["vendor"], "vendor": "acme"}),
    (KeyIn, {"name": "Shop", "rights": ["catalogue"]}),
    (KeyIn, {"name": "Shop", "rights": ["catalogue", "may_freeze"], "freeze_budget": 5}),
    (KeyIn, {"name": "Desk", "rights": ["source", "may_assert_safety"], "source": "desk"}),
    (SourceIn, {"title": "Help desk"}),
    (UnitsIn, UNITS),
    (UnitsIn, {**UNITS, "units": 3.0}),
    (SignalIn, SIGNAL),
    (SignalIn, {**SIGNAL, "anything": {"else": [1]}}),
    (SignalIn, {**SIGNAL, "text": None, "text2": "a\nb"}),
]  # fmt: skip
BAD: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (SkuIn, {"titel": "Kettle"}),
    (SkuIn, {"title": ""}),
    (SkuIn, {"title": "a\u0007"}),
    (SkuIn, {"gtin": "123"}),
    (SkuIn, {"price": "19,90"}),
    (SkuIn, {"price": 19.9}),
    (VendorIn, {}),
    (VendorIn, {"name": "Acme", "time_zone": "Mars/Olympus"}),
    (VendorIn, {"name": "Acme", "time_zone": "../etc/passwd"}),
    (VendorIn, {"name": "Acme", "contacts": {"email": ["nobody"]}}),
    (VendorIn, {"name": "Acme", "contacts": {"pigeon": ["x"]}}),
    (VendorIn, {"name": "Acme", "contacts": {"email": ["a@b.example\r\nBcc: x@y"]}}),
    (VendorIn, {"name": "Acme", "language": "English"}),
    (PersonIn, {"name": "Ann", "roles": []}),
    (PersonIn, {"name": "Ann", "roles": ["god"]}),
    (PersonIn, {"name": "Ann", "roles": ["vendor"]}),
    (PersonIn, {"name": "Ann", "roles": ["vendor", "admin"], "vendor": "acme"}),
    (PersonIn, {"name": "Ann", "roles": ["admin"], "vendor": "acme"}),
    (KeyIn, {"name": "K", "rights": ["source"]}),
    (KeyIn, {"name": "K", "rights": ["catalogue"], "source": "x"}),
    (KeyIn, {"name": "K", "rights": ["may_assert_safety"]}),
    (KeyIn, {"name": "K", "rights": ["may_freeze"], "freeze_budget": 1}),
    (KeyIn, {"name": "K", "rights": ["catalogue", "may_freeze"]}),
    (KeyIn, {"name": "K", "rights": ["catalogue"], "freeze_budget": 1}),
    (UnitsIn, {**UNITS, "units": 0}),
    (UnitsIn, {**UNITS, "units": 1.5}),
    (UnitsIn, {**UNITS, "units": "3"}),
    (UnitsIn, {**UNITS, "units": True}),
    (UnitsIn, {**UNITS, "shipped_at": "2026-11-21"}),
    (SignalIn, {**SIGNAL, "severity": None}),
]  # fmt: skip


def fits_schema(model: type[BaseModel], body: dict[str, Any]) -> bool:
    """Say whether an independent validator accepts a body by the published schema."""
    schema = TypeAdapter(model).json_schema()
    return jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(body)


@pytest.mark.parametrize(("model", "body"), GOOD)
def test_what_fits_is_accepted_by_model_and_schema(
    model: type[BaseModel], body: dict[str, Any]
) -> None:
    """What the schema promises to accept is accepted."""
    validate(TypeAdapter(model), json.dumps(body).encode())

    assert fits_schema(model, body)


@pytest.mark.parametrize(("model", "body"), BAD)
def test_what_does_not_fit_is_refused_by_model_and_schema(
    model: type[BaseModel], body: dict[str, Any]
) -> None:
    """The schema is as strict as the service, so that a client can check ahead."""
    with pytest.raises(InvalidFields):
        validate(TypeAdapter(model), json.dumps(body).encode())

    assert not fits_schema(model, body)


@pytest.mark.parametrize("kind", ["inspection", "telemetry"])
def test_the_schema_asks_for_a_result_where_the_reader_does(kind: str) -> None:
    """The batch reader refuses it (see test_batches), and the schema says so."""
    assert not fits_schema(SignalIn, {**SIGNAL, "kind": kind})
    assert not fits_schema(SignalIn, {**SIGNAL, "kind": kind, "result": None})
    assert fits_schema(SignalIn, {**SIGNAL, "kind": kind, "result": "pass"})
