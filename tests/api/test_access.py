"""Who may call."""

import pytest

from freezeguard.api.access import Access
from freezeguard.domain.people import MachineKey, Person, Right, Role, System

EVERY_RIGHT = MachineKey("k", "K", frozenset(Right))
CATALOGUE = MachineKey("c", "C", frozenset({Right.CATALOGUE}))
VENDOR = Person("v", "V", frozenset({Role.VENDOR}), vendor="acme")
ADMIN = Person("a", "A", frozenset({Role.ADMIN}))
MANAGER = Person("m", "M", frozenset({Role.MANAGER, Role.FINANCE}))


@pytest.mark.parametrize(
    ("access", "admitted"),
    [
        (Access(), ()),
        (Access.source(), (EVERY_RIGHT,)),
        (Access.catalogue(), (EVERY_RIGHT, CATALOGUE)),
        (Access.key(Right.CATALOGUE, Right.MAY_FREEZE), (EVERY_RIGHT,)),
        (Access.staff(), (ADMIN, MANAGER)),
        (Access.staff(Role.MANAGER), (MANAGER,)),
        (Access.person(), (VENDOR, ADMIN, MANAGER)),
        (Access.anyone_signed_in(), (EVERY_RIGHT, CATALOGUE, VENDOR, ADMIN, MANAGER)),
        (Access.staff(Role.ADMIN) | Access.catalogue(), (EVERY_RIGHT, CATALOGUE, ADMIN)),
    ],
)
def test_only_those_named_are_let_in(access: Access, admitted: tuple) -> None:
    """Deny by default: nobody is let in whom the declaration does not name."""
    everybody = (EVERY_RIGHT, CATALOGUE, VENDOR, ADMIN, MANAGER)

    assert admitted == tuple(actor for actor in everybody if access.admits(actor))


def test_the_system_itself_never_calls_over_http() -> None:
    """No token stands for the detector, a timer or the reconciler."""
    assert [] == [part for part in System if Access.anyone_signed_in().admits(part)]


def test_an_admin_is_not_let_in_where_managers_are() -> None:
    """An admin is one role among others."""
    assert not Access.staff(Role.MANAGER).admits(ADMIN)


@pytest.mark.parametrize(
    ("access", "words"),
    [
        (Access.public(), "everybody"),
        (Access(), "nobody"),
        (Access.anyone_signed_in(), "every person, every key"),
        (Access.staff(), "staff"),
        (
            Access.staff(Role.MANAGER, Role.ANALYST)
            | Access.key(Right.CATALOGUE, Right.MAY_FREEZE),
            "analyst, manager, key with catalogue and may_freeze",
        ),
    ],
)
def test_a_refusal_can_say_who_may(access: Access, words: str) -> None:
    """Who may call is said in words, the same each time."""
    assert words == access.words()
