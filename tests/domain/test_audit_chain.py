"""What is hashed of the audit record, and what a verification finds."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.auditchain import (
    SALT_BYTES,
    Anchor,
    AuditRow,
    Link,
    canonical,
    chained,
    content_of,
    digest_of,
    entry_of,
    hash_of,
)
from freezeguard.domain.auditverification import (
    LATE,
    LEAP,
    MOST_FINDINGS,
    Report,
    Verification,
    What,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OURS, THEIRS = UUID(int=1), UUID(int=2)
SALT = bytes(range(SALT_BYTES))

VALUES = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers() | st.floats(allow_nan=False,
                                                                     allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def row(seq: int, **more: object) -> AuditRow:
    """A row of the record."""
    return replace(
        AuditRow(seq, NOW, "person:ann", "put_rule", f"rule:{seq}", "", '{"a": 1}', None), **more
    )


def chain_of(number: int, instance: UUID = OURS) -> tuple[list[AuditRow], list[Link]]:
    """So many rows and their links."""
    rows = [row(seq) for seq in range(1, number + 1)]
    return rows, chained(rows, None, instance, NOW, SALT * number)


def anchor(link: Link, **more: object) -> Anchor:
    """An anchor of a link."""
    return replace(Anchor(link.position, link.seq, link.hash, NOW, OURS), **more)


def verified(links, rows, anchors=(), unchained=()) -> Report:
    """Verify links against the rows that are there now."""
    contents = {one.seq: content_of(one) for one in rows}
    run = Verification(OURS, anchors)
    for link in links:
        run.link(link, contents.get(link.seq))
    for seq, now in unchained:
        run.unchained(seq, now)
    return run.report()


def found(report: Report) -> list[tuple[What, int | None, int | None]]:
    """What was found, and where."""
    return [(one.what, one.position, one.seq) for one in report.findings]


# ------------------------------------------------------------------------------ the canonical form


@given(VALUES, st.randoms())
def test_the_same_value_is_the_same_text(value, chance: random.Random) -> None:
    """Order of keys, white space and escapes make no difference, nor does writing it again."""
    def shuffled(one):
        if isinstance(one, dict):
            pairs = [(key, shuffled(each)) for key, each in one.items()]
            chance.shuffle(pairs)
            return dict(pairs)
        return [shuffled(each) for each in one] if isinstance(one, list) else one

    plain = canonical(json.dumps(value))

    assert plain == canonical(json.dumps(shuffled(value), indent=2, ensure_ascii=False))
    assert plain == canonical(plain)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1.10", "1.1"), ("1e3", "1000"), ("-0", "0"), ("-0.0", "0"), ("0.000", "0"),
        ("12345678901234567890.5", "12345678901234567890.5"), ("1E-7", "0.0000001"),
        ('{"b":1,"a":[true,null]}', '{"a":[true,null],"b":1}'), ('"\\u00e9\\n"', '"é\\n"'),
    ],
)  # fmt: skip
def test_numbers_and_text_have_one_form(text: str, written: str) -> None:
    """Numbers lose no digit and keep no form of their own; letters stand as they are."""
    assert written == canonical(text)


def test_every_field_is_hashed() -> None:
    """A change of any field, its place or its time changes the digest; no border moves."""
    base = row(7, why="a", request_id="r")
    others = [
        replace(base, at=NOW + timedelta(microseconds=1)), replace(base, actor="person:bob"),
        replace(base, action="x"), replace(base, subject="x"), replace(base, why="b"),
        replace(base, details="{}"), replace(base, request_id=None),
        replace(base, request_id="null"), replace(base, subject='rule:7","a', why=""),
    ]  # fmt: skip
    entries = {entry_of(1, NOW, 7, content_of(one)) for one in (base, *others)}
    entries |= {entry_of(2, NOW, 7, content_of(base)), entry_of(1, NOW, 8, content_of(base)),
                entry_of(1, NOW + timedelta(seconds=1), 7, content_of(base))}

    assert len(others) + 4 == len({digest_of(SALT, one) for one in entries})
    elsewhere = replace(base, at=NOW.astimezone(timezone(timedelta(hours=5))))
    assert content_of(base) == content_of(elsewhere)


def test_the_chain_goes_on_where_it_ended() -> None:
    """Batches make the same chain as one go."""
    rows, whole = chain_of(5)
    first = chained(rows[:2], None, OURS, NOW, SALT * 2)

    assert whole == first + chained(rows[2:], first[-1], OURS, NOW, SALT * 3)


def test_an_anchor_reads_as_it_was_written() -> None:
    """A line of the file gives the anchor back; a line that is none is refused."""
    one = anchor(chain_of(1)[1][0])

    assert one == Anchor.from_dict(json.loads(json.dumps(one.as_dict())))
    for wrong in ({}, [], {**one.as_dict(), "hash": "xyz"}, {**one.as_dict(), "instance": 3}):
        with pytest.raises(ValueError):  # noqa: PT011 - whichever of its kinds
            Anchor.from_dict(wrong)


# ----------------------------------------------------------------------------------- verification


def test_a_sound_chain_is_found_sound() -> None:
    """No finding, and what the anchors vouch for is named."""
    rows, links = chain_of(6)
    report = verified(links, rows, [anchor(links[1]), anchor(links[3])])

    assert (True, 6, 2, 4) == (
        report.is_sound, report.checked, report.anchors, report.last_anchored
    )


def test_an_empty_chain_is_sound_unless_an_anchor_knows_more() -> None:
    """Nothing to verify is fine; a record that was emptied is not."""
    _, links = chain_of(2)

    assert verified([], []).is_sound
    assert [(What.CUT, 1, None)] == found(verified([], [], [anchor(links[-1])]))


def test_an_edit_is_found() -> None:
    """The row that was changed is named, and only it."""
    rows, links = chain_of(5)
    rows[2] = replace(rows[2], actor="person:eve")

    assert [(What.EDITED, 3, 3)] == found(verified(links, rows))


def test_an_edit_that_mends_its_own_link_is_found() -> None:
    """With a new digest the hash no longer follows; with a new hash the next one does not."""
    rows, links = chain_of(5)
    rows[2] = replace(rows[2], actor="person:eve")
    digest = digest_of(SALT, entry_of(3, NOW, 3, content_of(rows[2])))
    halfway = [*links[:2], replace(links[2], digest=digest), *links[3:]]
    farther = [*links[:2], replace(links[2], digest=digest, hash=hash_of(links[1].hash, digest)),
               *links[3:]]

    assert [(What.ALTERED_LINK, 3, 3)] == found(verified(halfway, rows))
    assert [(What.ALTERED_LINK, 4, 4)] == found(verified(farther, rows))


def test_deletions_are_found() -> None:
    """A row that is gone, a link that is gone, and both together."""
    rows, links = chain_of(6)
    without = [one for one in rows if one.seq != 3]
    unlinked = [one for one in links if one.position not in {3, 4}]

    assert [(What.DELETED, 3, 3)] == found(verified(links, without))
    assert [(What.MISSING_LINK, 3, None)] == found(verified(unlinked, rows))


def test_a_reordering_is_found() -> None:
    """Rows that changed places, and links that did, are told from edits."""
    rows, links = chain_of(6)
    swapped = [replace(rows[3], seq=2) if one.seq == 2 else
               replace(rows[1], seq=4) if one.seq == 4 else one for one in rows]
    crossed = [replace(links[{2: 4, 4: 2}.get(one.position, one.position) - 1],
                       position=one.position) for one in links]

    assert [(What.MOVED, 2, 2), (What.MOVED, 4, 4)] == found(verified(links, swapped))
    moved = [one for one in found(verified(crossed, rows)) if one[0] is What.MOVED]
    assert [(What.MOVED, 2, 4), (What.MOVED, 4, 2)] == moved


def test_only_an_anchor_finds_a_cut_end() -> None:
    """Without anchors the shorter chain is sound; with one, how much is missing is known."""
    rows, links = chain_of(8)

    assert verified(links[:5], rows[:5]).is_sound
    report = verified(links[:5], rows[:5], [anchor(links[2]), anchor(links[7])])
    assert [(What.CUT, 6, None)] == found(report)
    assert "at least 3 entries" in report.findings[0].detail


def test_only_an_anchor_finds_a_chain_written_anew() -> None:
    """The new chain is sound by itself; the last anchor that fits says since where it is not."""
    rows, links = chain_of(8)
    rows[4] = replace(rows[4], why="innocent")
    anew = links[:4] + chained(rows[4:], links[3], OURS, NOW, SALT * 4)
    anchors = [anchor(links[2]), anchor(links[5]), anchor(links[7])]

    assert verified(anew, rows).is_sound
    report = verified(anew, rows, anchors)
    assert [(What.REWRITTEN, 6, 6)] == found(report)
    assert "after position 3" in report.findings[0].detail
    assert 3 == report.last_anchored


def test_an_anchor_of_something_else_is_no_proof() -> None:
    """A true anchor of another shop's chain, or one bound to another row, is refused."""
    rows, links = chain_of(4)
    _, theirs = chain_of(4, THEIRS)
    foreign = anchor(theirs[1], instance=THEIRS)
    disguised = anchor(theirs[1])
    misbound = anchor(links[1], seq=3)

    assert [(What.FOREIGN_ANCHOR, 2, None)] == found(verified(links, rows, [foreign]))
    assert [(What.REWRITTEN, 2, 2)] == found(verified(links, rows, [disguised]))
    assert [(What.FALSE_ANCHOR, 2, 2)] == found(verified(links, rows, [misbound]))
    assert [(What.FALSE_ANCHOR, 0, None)] == found(
        verified(links, rows, [anchor(links[0], position=0)])
    )


def test_a_row_put_in_afterwards_is_found() -> None:
    """Chained or not: a low number that turns up long after higher ones is no late commit."""
    rows = [row(seq) for seq in (1, 2, 4, 5)]
    links = chained(rows, None, OURS, NOW, SALT * 4)
    late = chained([row(3)], links[-1], OURS, NOW + timedelta(seconds=5), SALT)
    planted = chained([row(3)], links[-1], OURS, NOW + 2 * LATE, SALT)

    assert verified(links + late, [*rows, row(3)]).is_sound
    assert [(What.INSERTED, 5, 3)] == found(verified(links + planted, [*rows, row(3)]))
    assert verified(links, rows, unchained=[(3, NOW + LATE)]).is_sound
    assert [(What.INSERTED, None, 3)] == found(
        verified(links, rows, unchained=[(3, NOW + 2 * LATE)])
    )


@pytest.mark.parametrize("seq", [-(2**63), -100, 0, 6 + LEAP, 4 * 10**18, 2**63 - 1])
def test_a_number_that_the_database_never_gave_is_found(seq: int) -> None:
    """Chained or not; the rows after it are not blamed for its number."""
    rows = [row(one) for one in (1, 2, 4, 5)]
    links = chained(rows, None, OURS, NOW, SALT * 4)
    planted = chained([row(seq)], links[-1], OURS, NOW, SALT)
    later = chained([row(6)], planted[-1], OURS, NOW + 2 * LATE, SALT)

    assert [(What.INSERTED, 5, seq)] == found(
        verified(links + planted + later, [*rows, row(seq), row(6)], unchained=[(7, NOW)])
    )
    assert [(What.INSERTED, None, seq)] == found(verified(links, rows, unchained=[(seq, NOW)]))


def test_what_was_not_looked_at_is_not_called_cut_off() -> None:
    """A run that was ended knows nothing of what lies behind, and says nothing of it."""
    rows, links = chain_of(9)
    run = Verification(OURS, [anchor(links[2]), anchor(links[8])])
    for link, its_row in zip(links[:5], rows, strict=False):
        run.link(link, content_of(its_row))
    report = run.report(is_whole=False)

    assert (5, 3, ()) == (report.checked, report.last_anchored, report.findings)


def test_findings_are_bounded_and_counted() -> None:
    """A record that is wrong all over is told in a hundred findings and a number."""
    rows, links = chain_of(MOST_FINDINGS + 30)
    report = verified(links, [replace(one, why="changed") for one in rows])

    assert (MOST_FINDINGS, 30) == (len(report.findings), report.more)


@given(st.data())
def test_no_single_change_of_a_row_goes_unnoticed(data) -> None:
    """Whichever row and whichever field: it is found at its place."""
    rows, links = chain_of(4)
    seq = data.draw(st.integers(1, 4))
    field = data.draw(st.sampled_from(["actor", "action", "subject", "why", "request_id"]))
    new = data.draw(st.text())
    changed = [replace(one, **{field: new}) if one.seq == seq else one for one in rows]

    assert (rows == changed) == verified(links, changed).is_sound
