"""Material news: what approvers must know, and what is only more of the same."""

from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.evidence import Witness, take_in
from freezeguard.domain.signals import Severity

ROUTINE = Witness("defect", Severity.MAJOR, "L1", "web", b"c1")


def _seen(*witnesses: Witness) -> dict[str, object]:
    return take_in({}, witnesses or (ROUTINE,), counts_customers=False)[0]


def test_the_tail_of_a_known_cause_is_no_news():
    """Another customer with the same fault of the same lot raises nothing."""
    known = _seen()

    after, news = take_in(
        known, [Witness("defect", Severity.MINOR, "L1", "web", b"c2")], counts_customers=False
    )

    assert (known, ()) == (after, news)


def test_what_is_material():
    """A new cause, lot or channel and a higher severity, each once and in words."""
    strangers = [
        Witness("smell", Severity.SAFETY, "L2", "shop"),
        Witness("smell", Severity.CRITICAL, "L2", "shop"),
        Witness("defect", Severity.MAJOR),
    ]

    after, news = take_in(_seen(), strangers, counts_customers=False)

    assert (
        "new intent smell", "new lot L2", "new channel shop", "severity rose to safety"
    ) == news
    assert {
        "intents": ["defect", "smell"], "lots": ["L1", "L2"], "channels": ["web", "shop"],
        "severity": 4,
    } == after


def test_customers_count_only_while_an_approval_is_asked_for():
    """Before a request nobody counts them; during one, as many as the bound are news, once."""
    crowd = [Witness("defect", Severity.MAJOR, "L1", "web", bytes([n])) for n in range(5)]

    assert () == take_in(_seen(), crowd, counts_customers=False, bound=3)[1]
    after, news = take_in(_seen(), crowd[:2], counts_customers=True, bound=3)
    assert ((), ["00", "01"]) == (news, after["new_customers"])
    after, news = take_in(after, crowd[:3], counts_customers=True, bound=3)
    assert ("3 customers complained since approval was requested",) == news
    assert () == take_in(after, crowd, counts_customers=True, bound=3)[1]


def test_customers_whom_the_case_knows_are_not_new():
    """Whoever complained before the request, and whoever gave no name, adds nothing."""
    old_and_nameless = [
        Witness("defect", Severity.MAJOR, "L1", "web", b"old"),
        Witness("defect", Severity.MAJOR, "L1", "web", None),
    ]

    after, news = take_in(
        _seen(), old_and_nameless, counts_customers=True, earlier_customers={b"old"}, bound=1
    )

    assert ((), []) == (news, after["new_customers"])


def test_without_a_bound_customers_are_never_news():
    """A case that a person opened has no rule and no bound: its customers are only counted."""
    crowd = [Witness("defect", Severity.MAJOR, "L1", "web", bytes([n])) for n in range(50)]

    after, news = take_in(_seen(), crowd, counts_customers=True)

    assert ((), 50) == (news, len(after["new_customers"]))


WITNESSES = st.lists(
    st.builds(
        Witness,
        st.sampled_from(["defect", "smell", "smoke"]),
        st.sampled_from(Severity),
        st.sampled_from([None, "L1", "L2"]),
        st.sampled_from([None, "web", "shop"]),
        st.sampled_from([None, b"c1", b"c2", b"c3"]),
    )
)


@given(WITNESSES, WITNESSES, st.booleans())
def test_news_does_not_depend_on_how_signals_are_bundled(first, second, counts):
    """Taken in at once or in two parts, the same is known; and nothing is news twice."""
    once, news = take_in({}, first + second, counts_customers=counts, bound=2)
    half, early = take_in({}, first, counts_customers=counts, bound=2)
    twice, late = take_in(half, second, counts_customers=counts, bound=2)
    again = take_in(once, first + second, counts_customers=counts, bound=2)

    assert once == twice
    words = [word for word in (*early, *late) if "customers" not in word and "rose" not in word]
    assert [word for word in news if "customers" not in word and "rose" not in word] == words
    assert (once, ()) == again
