"""What to answer when the local copy is not fresh: the caller must say, nothing is assumed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Choice(StrEnum):
    """What to do when it is not known for sure whether something may be sold."""

    KEEP_LAST = "keep_last"
    """Answer by what was last heard; refuse where nothing was."""
    REFUSE = "refuse"
    """Not sellable, whatever was last heard."""
    ALLOW = "allow"
    """Sellable, whatever was last heard: even what was frozen then."""


@dataclass(frozen=True, slots=True)
class WhenUnsure:
    """The choices of one risk class, for each of the two states that are not `ready`."""

    stale: Choice
    unknown: Choice

    def __post_init__(self) -> None:
        for one in (self.stale, self.unknown):
            if not isinstance(one, Choice):
                raise TypeError(f"{one!r} is no Choice")


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do by risk class; `default` is for every class that is not named.

    A single choice stands for both states.
    """

    default: Choice | WhenUnsure
    classes: Mapping[str, Choice | WhenUnsure] = field(default_factory=dict)
    _by_class: Mapping[str | None, WhenUnsure] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named: dict[str | None, Choice | WhenUnsure] = {None: self.default}
        named.update(self.classes)
        both = {name: _for_both(one) for name, one in named.items()}
        object.__setattr__(self, "_by_class", both)

    def when_unsure(self, risk: str | None) -> WhenUnsure:
        """Return the choices of a risk class."""
        return self._by_class.get(risk) or self._by_class[None]


def _for_both(given: Choice | WhenUnsure) -> WhenUnsure:
    return given if isinstance(given, WhenUnsure) else WhenUnsure(given, given)
