"""A shell in front of a fresh migrated database."""

from pathlib import Path

import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.cli.shell import Shell, bare_environment


@pytest.fixture
def shell(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> Shell:
    """Return a shell whose commands reach a fresh migrated database."""
    environment = bare_environment(
        tmp_path, FREEZEGUARD_DATABASE_URL=dsns.runtime, FREEZEGUARD_MIGRATION_URL=dsns.owner
    )
    return Shell(tmp_path, environment)
