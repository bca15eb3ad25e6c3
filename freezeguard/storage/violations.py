"""What a violated constraint means to users."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NoReturn

import asyncpg

from freezeguard.domain.errors import FreezeguardError, GuardFailed, InvalidInput, VersionConflict

_invalid = partial(partial, InvalidInput)

MEANINGS: Mapping[str, Callable[[], FreezeguardError]] = {
    "cases_one_open_per_scope": partial(
        VersionConflict, "Another case for exactly this scope was opened meanwhile; read it."
    ),
    "holds_one_per_case_and_scope": partial(
        VersionConflict, "The hold of this case was set by somebody else meanwhile; read it again."
    ),
    "approvals_person_fkey": partial(GuardFailed, ["whoever votes must be a known person"]),
    "case_causes_confirmed": partial(
        VersionConflict, "Another cause was confirmed meanwhile; read the diagnosis again."
    ),
    "skus_owner_fkey": _invalid("There is no person of this id.", pointer="/owner"),
    "instance_default_owner_fkey": _invalid("There is no person of this id."),
    "credentials_person_fkey": _invalid("There is no person of this id.", pointer="/person"),
    "credentials_secret_hash_key": _invalid("This secret is in use already."),
    "credentials_check": _invalid("A personal token has no rights of its own."),
    "credentials_check1": _invalid("A key with the right `source` names its source."),
    "people_check": _invalid("The role vendor names a vendor, and only that role does."),
    "people_roles_check": _invalid("The role vendor goes with no other role.", pointer="/roles"),
    "suppressions_check": _invalid("A suppression names a SKU, a vendor or a category."),
    "suppressions_check1": _invalid("A suppression expires after it begins."),
    "shipments_units_check": _invalid("Units are 0 or more.", pointer="/units"),
}
"""By the constraint's name; a test proves that each is there."""


def reraise(error: Exception) -> NoReturn:
    """Raise the domain's error for a violated constraint; any other error as it is."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        meaning = MEANINGS.get(error.constraint_name or "")
        if meaning is not None:
            raise meaning() from error
    raise error
