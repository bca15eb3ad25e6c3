"""Who may open what, where several pages ask for it."""

from freezeguard.api.access import Access
from freezeguard.domain.people import Role

PULLERS = Access.staff(Role.ASSOCIATE, Role.ANALYST, Role.MANAGER, Role.COMPLIANCE)
"""Those who may pull the cord."""
ADMINS = Access.staff(Role.ADMIN)
"""Those who register people."""
AUDITORS = Access.staff(Role.AUDITOR, Role.ADMIN)
"""Those who may read the record."""
