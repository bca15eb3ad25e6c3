"""Who may call a route. A route without an answer to this cannot be registered."""

from dataclasses import dataclass

from freezeguard.domain.people import Actor, MachineKey, Person, Right, Role

STAFF = frozenset(Role) - {Role.VENDOR}


@dataclass(frozen=True, slots=True)
class Access:
    """Those who may call a route: people by their roles, keys by their rights.

    `keys` holds alternatives: a key is let in if it has every right of one of them; the empty
    alternative lets in every key. Join two with `|`.
    """

    roles: frozenset[Role] = frozenset()
    keys: frozenset[frozenset[Right]] = frozenset()
    is_public: bool = False
    is_signed: bool = False

    @classmethod
    def signed(cls) -> "Access":
        """Let in whoever signs the body with the secret of the address; tokens count nothing.

        A route with this access has a `signed_by` that looks, see `routing.Route`.
        """
        return cls(is_signed=True)

    @classmethod
    def public(cls) -> "Access":
        """Let in everybody, signed in or not."""
        return cls(is_public=True)

    @classmethod
    def anyone_signed_in(cls) -> "Access":
        """Let in every person and every key."""
        return cls(frozenset(Role), frozenset({frozenset()}))

    @classmethod
    def person(cls) -> "Access":
        """Let in every person, vendors included, and no key."""
        return cls(frozenset(Role))

    @classmethod
    def staff(cls, *roles: Role) -> "Access":
        """Let in people with one of these roles; without roles, all but vendors."""
        return cls(frozenset(roles) or STAFF)

    @classmethod
    def key(cls, *rights: Right) -> "Access":
        """Let in keys that have all of these rights."""
        return cls(keys=frozenset({frozenset(rights)}))

    @classmethod
    def source(cls) -> "Access":
        """Let in keys that send signals."""
        return cls.key(Right.SOURCE)

    @classmethod
    def catalogue(cls) -> "Access":
        """Let in keys of catalogue systems."""
        return cls.key(Right.CATALOGUE)

    def __or__(self, other: "Access") -> "Access":
        return Access(
            self.roles | other.roles, self.keys | other.keys, self.is_public or other.is_public,
            self.is_signed or other.is_signed,
        )

    def admits(self, actor: Actor) -> bool:
        """Say whether this actor may call."""
        if isinstance(actor, MachineKey):
            for needed in self.keys:  # noqa: SIM110 - a generator would cost each read a microsecond
                if needed <= actor.rights:
                    return True
            return False
        return isinstance(actor, Person) and not self.roles.isdisjoint(actor.roles)

    def words(self) -> str:
        """Return who may call, for refusals and documentation."""
        if self.is_public:
            return "everybody"
        if self.is_signed:
            return "whoever signs with the secret of this address"
        return ", ".join(_people(self.roles) + _machines(self.keys)) or "nobody"


def _people(roles: frozenset[Role]) -> list[str]:
    if roles == frozenset(Role):
        return ["every person"]
    if roles == STAFF:
        return ["staff"]
    return sorted(role.value for role in roles)


def _machines(keys: frozenset[frozenset[Right]]) -> list[str]:
    if frozenset() in keys:
        return ["every key"]
    return sorted("key with " + " and ".join(sorted(needed)) for needed in keys)
