"""JSON text is checked in linear time before any parser sees it."""

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.api.json_text import canonical, check_structure, pairs_in, parse, shown
from freezeguard.api.refusals import Refused
from freezeguard.domain.errors import InvalidInput

TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


def depth_of(tree: Any) -> int:
    """Return how deep a tree is nested, the slow and obvious way."""
    if isinstance(tree, dict):
        return 1 + max(map(depth_of, tree.values()), default=0)
    return 1 + max(map(depth_of, tree), default=0) if isinstance(tree, list) else 0


@given(TREES, st.booleans())
def test_pairs_are_counted_outside_of_strings_only(tree: Any, ascii_only: bool) -> None:
    """Whatever quotes, brackets and backslashes the strings hold, keys are counted exactly."""
    text = json.dumps({"": tree}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")

    assert pairs_in({"": tree}) == check_structure(text)


@given(TREES)
def test_clean_json_survives_unchanged(tree: Any) -> None:
    """What is fine is passed on as it is, but for NUL and half characters."""
    text = json.dumps(tree)
    if "\\u0000" in text.replace("\\\\", "") or "\\ud" in text:
        return

    assert tree == json.loads(canonical(parse(text)))


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_nesting_is_accepted_up_to_64(opening: bytes) -> None:
    """64 levels pass, 65 do not, whatever they are made of."""
    closing = {b"[": b"]", b'{"a":': b"}", b'[{"a":': b"}]"}[opening]
    levels = opening.count(b"[") + opening.count(b"{")
    fits = opening * (64 // levels) + b"1" + closing * (64 // levels)

    assert 64 == depth_of(json.loads(fits))
    check_structure(fits)
    with pytest.raises(Refused) as refused:
        check_structure(b"[" + fits + b"]")
    assert "too_deep" == refused.value.code


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 5_000_000,
        b"[" * 1_000_000 + b"]" * 1_000_000,
        b'{"a":' * 150_000,
        b"{[" * 90_000 + b"]}" * 90_000,
        b'"' * 5_000_000,
        b"\\" * 5_000_000,
        b'"[",' * 1_000_000,
        b"[" + b"1," * 2_000_000 + b"1]",
    ],
    ids=lambda body: body[:6].decode(),
)
def test_no_text_keeps_the_checker_busy(body: bytes) -> None:
    """5 MiB of anything is judged at once: no recursion, no quadratic time."""
    started = time.perf_counter()
    with contextlib.suppress(Refused):
        check_structure(body)

    assert time.perf_counter() - started < 3


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ('{"x": [{"a": 1, "b": 2, "a": 1}]}', "duplicate_key"),
        ('["\\ud800"]', "lone_surrogate"),
        ('{"\\udc00": 1}', "lone_surrogate"),
        ('["\\u0000"]', "nul_character"),
        ('{"a\\u0000": 1}', "nul_character"),
        ("[NaN]", "not_a_number"),
        ("[-Infinity]", "not_a_number"),
        ("[1e999]", "not_a_number"),
        ("[" + "9" * 5000 + "]", "number_too_long"),
        ("[1, 2", "invalid_json"),
        ("", "invalid_json"),
        ("{'a': 1}", "invalid_json"),
        ('["a\nb"]', "invalid_json"),
    ],
)
def test_what_parsers_disagree_about_is_refused(text: str, code: str) -> None:
    """Each doubtful text has one answer, with a code that says why."""
    with pytest.raises(InvalidInput) as refused:
        canonical(parse(text))

    assert code == refused.value.code


@pytest.mark.parametrize("text", ['["\\\\u0000"]', '["\\ud83d\\ude00"]', '{"a": {"a": 1}}'])
def test_what_only_looks_wrong_is_accepted(text: str) -> None:
    """An escaped backslash before u0000, a whole emoji, the same key on two levels: fine."""
    assert json.loads(text) == json.loads(canonical(parse(text)))


@given(st.text(), st.integers(0, 50))
def test_what_is_shown_can_be_stored(text: str, limit: int) -> None:
    """Any entry, broken ones included, becomes text that a database takes, cut to a limit."""
    whole = shown(parse(json.dumps({"a": text + "\ud800\0"})), 10_000)
    cut = shown(parse(json.dumps({"a": text})), limit)

    whole.encode()
    assert "\0" not in whole
    assert len(cut) <= limit
