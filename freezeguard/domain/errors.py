"""The error tree. Each class has a stable `code`; the HTTP layer maps it to a status and a page.

FreezeguardError
├── NotFound                 unknown, or not yours: the two are not told apart
│   └── UnknownSku           a SKU that is not registered; says which are near
├── NotAllowed               known, but not yours to do
│   └── WrongSource          a source key sent signals of another source
├── VersionConflict          somebody else changed the case meanwhile
├── IllegalTransition        the state does not know this command
├── GuardFailed              legal, but something is missing; says what
├── InvalidInput             does not fit the contract; says where and how to mend it
└── Unavailable              a dependency is away; safe to repeat after `retry_after`
"""

from collections.abc import Sequence
from typing import ClassVar


class FreezeguardError(Exception):
    """Something freezeguard refuses to do; `detail` says what and how to mend it."""

    code: ClassVar[str] = "internal"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.__doc__ or self.code)
        self.detail = detail or (self.__doc__ or self.code)


class NotFound(FreezeguardError):
    """There is no such thing, or it is not yours to see."""

    code = "not_found"


class UnknownSku(NotFound):
    """A SKU is not registered; `near` are registered ones that may be meant."""

    def __init__(self, sku: str, near: Sequence[str]) -> None:
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        super().__init__(f"SKU {sku} is not registered.{meant}")
        self.near = tuple(near)


class NotAllowed(FreezeguardError):
    """This is not yours to do."""

    code = "not_allowed"


class WrongSource(NotAllowed):
    """A source key sends for one source only."""

    code = "wrong_source"


class VersionConflict(FreezeguardError):
    """The case has changed since you read it; read it again and decide on what it says now."""

    code = "version_conflict"


class IllegalTransition(FreezeguardError):
    """The case is in a state that does not know this command."""

    code = "illegal_transition"


class GuardFailed(FreezeguardError):
    """The command is legal here, but something that it needs is missing.

    `missing` lists one sentence per unmet guard.
    """

    code = "guard_failed"

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__("; ".join(missing))
        self.missing = tuple(missing)


class InvalidInput(FreezeguardError):
    """The input does not fit the contract.

    `pointer` is a JSON pointer to the offending place, empty for the whole.
    """

    code = "invalid_input"

    def __init__(self, detail: str, *, pointer: str = "", code: str | None = None) -> None:
        super().__init__(detail)
        self.pointer = pointer
        if code is not None:
            self.code = code  # type: ignore[misc]  # an instance may be more exact than its class


class Unavailable(FreezeguardError):
    """Something freezeguard depends on is away; the same request may be repeated."""

    code = "unavailable"

    def __init__(self, detail: str = "", *, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
