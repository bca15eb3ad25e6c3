"""What the OpenAPI document can't say, told to schemathesis: loaded into its process as hooks.

Nothing here hides an answer above 499, an undocumented status, a wrong content type or a body that
does not fit its schema.
"""

import json
import os
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import schemathesis

RULES = frozenset({"/look", "/window", *(f"/parts/{n}/window" for n in range(5))})
# JSON Schema knows no clock, compares no two fields, counts no bytes, remembers no earlier request.
REFUSALS: Mapping[str, frozenset[str]] = {
    "POST /v1/signals": frozenset({"future_dated", "id_conflict"}),
    "POST /v1/units": frozenset({"future_dated", "id_conflict"}),
    # `look` against `bound`; windows of more than ten years, or not the longest of the parts.
    "POST /v1/rules": RULES,
    "PUT /v1/rules/{id}": RULES,
    "POST /v1/rules/preview": frozenset(f"/rule{one}" for one in RULES),
    "POST /v1/rules/trial": frozenset(f"/rule{one}" for one in RULES),
    "POST /v1/suppressions": frozenset({"/expires_at"}),
    # The owner of a SKU is a person that is registered.
    "PUT /v1/skus/{sku}": frozenset({"/owner"}),
    "POST /v1/skus": frozenset({"/owner"}),
    # Whose holidays are known, which languages have words, and who is there to be a deputy.
    "PUT /v1/vendors/{vendor}": frozenset({"/calendar", "/language"}),
    "PUT /v1/people/{id}": frozenset({"/calendar", "/language", "/deputy"}),
    # Where a name leads, and which vendors there are; a replay goes from earlier to later.
    "POST /v1/webhook-endpoints": frozenset({"/url", "/vendor", "/types", "guard_failed"}),
    "PATCH /v1/webhook-endpoints/{id}": frozenset({"/url", "/types"}),
    "POST /v1/webhook-endpoints/{id}/test": frozenset({"guard_failed"}),
    "POST /v1/webhook-endpoints/{id}/replay": frozenset({"/since", "guard_failed"}),
    # How many views somebody has, and how many streams are open.
    "POST /v1/views": frozenset({"guard_failed"}),
    "GET /v1/cases/stream": frozenset({"too_many_requests"}),
    "GET /v1/cases/{id}/stream": frozenset({"too_many_requests"}),
    # What a case lacks depends on the case; the arguments of a command on the command.
    "POST /v1/freezes": frozenset({"guard_failed"}),
    # What was asked or suggested before, and whether a cause is confirmed.
    "POST /v1/cases/{id}/questions": frozenset({"guard_failed"}),
    "POST /v1/cases/{id}/questions/{question}/answer": frozenset({"guard_failed"}),
    "POST /v1/cases/{id}/diagnosis": frozenset({"guard_failed"}),
    "POST /v1/cases/{id}/diagnosis/{cause}": frozenset({"guard_failed"}),
    "POST /v1/cases/{id}/siblings/tell": frozenset({"guard_failed"}),
    # Two times that must differ.
    "PUT /v1/people/me/quiet-hours": frozenset({"invalid_input"}),
    # Bytes have no length in a schema: that a file is not empty can't be said.
    "POST /v1/cases/{id}/evidence": frozenset({"empty_body"}),
    "POST /v1/cases/{id}/commands": frozenset({"guard_failed", "invalid_input"}),
}
# Lines of text are no JSON for a schema, and half of a signal may stand around an event's data.
HALF_DESCRIBED = ("ndjson", "jsonl", "jsonlines", "cloudevents")
BEYOND_ANY = "SKUs have at most 200 bytes of UTF-8"
PLACES = {reason for reasons in REFUSALS.values() for reason in reasons if "/" in reason}
OURS = frozenset(os.environ.get("FREEZEGUARD_TEST_KEEP", "").split())
SOURCE = os.environ.get("FREEZEGUARD_TEST_SOURCE", "")
FEEDS = frozenset({"POST /v1/signals", "POST /v1/units"})
OF_OURS = frozenset({"DELETE /v1/keys/{id}", "PUT /v1/people/{id}"})


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Let good requests get further: a fresh Idempotency-Key, the key's own source.

    And leave the tester its own tokens.
    """
    name = case.operation.label
    if name in OF_OURS and str(case.path_parameters["id"]) in OURS:
        case.path_parameters["id"] = str(uuid4())
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid4())
    if name in FEEDS and SOURCE:
        for entry in case.body if isinstance(case.body, list) else [case.body]:
            name_source(entry)


def name_source(entry: Any) -> None:
    """Put the source of our key into a signal, an event, or the data of an event."""
    if isinstance(entry, dict):
        for one in (entry, entry.get("data")):
            if isinstance(one, dict) and "source" in one:
                one["source"] = SOURCE


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Drop "good data was refused" where only the schema thinks that it is good."""
    if failure.code != "ST202":
        return True
    allowed = set(REFUSALS.get(case.operation.label, ()))
    if any(word in str(case.media_type) for word in HALF_DESCRIBED):
        allowed |= {"invalid_input", "invalid_json", "not_a_number"}
    return not reasons_of(json.loads(response.content)) <= allowed


def reasons_of(problem: Mapping[str, Any]) -> set[str]:
    """Return the codes of what was refused, or the places where the code alone says too little."""
    if "rejected" in problem:
        entries = [one for one in problem["rejected"] if BEYOND_ANY not in one["detail"]]
        return {
            one["pointer"] if one.get("pointer") in PLACES else one["code"] for one in entries
        }
    errors = [one for one in problem.get("errors", ()) if BEYOND_ANY not in one["detail"]]
    if "errors" in problem and not errors:
        return set()
    if problem["code"] != "invalid_input":
        return {problem["code"]}
    places = {one.get("pointer", "") for one in errors}
    return places if places and places <= PLACES else {"invalid_input"}
