"""Which catalogues may be used: a connector that nobody has run is off until its owner proves it.

Off is not silent: a stop that is wanted there is refused with the reason, the case is degraded and
a person gets the task. Off are first stops only: what a stop of ours may have been sent to is read
back, stopped again and restored, or nobody would look after it when a catalogue is switched off.
"""

from freezeguard.ports.storage import Database
from freezeguard.services.directory import Directory


class Proofs:
    """Knows which configurations were proved; follows what the command line writes."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._wanted = {
            name: one.fingerprint for name, one in directory.outlets.items() if one.needs_check
        }
        self._passed: dict[str, str] = {}

    async def refresh(self) -> None:
        """Read which configurations were proved."""
        if self._wanted:
            self._passed = await self._database.run(lambda tx: tx.objects.checks())

    def missing(self, name: str) -> str:
        """Say why a catalogue is off; empty where it is on."""
        wanted = self._wanted.get(name)
        if wanted is None or wanted == self._passed.get(name):
            return ""
        return (
            f"catalogue {name} is off: its kind is experimental and this configuration was not "
            f"proved yet; try freezeguard catalogues check {name} --sku SKU --prove"
        )
