"""Before-images of what several SKUs are sold as: whose fields tell how it was before any stop.

A field may itself be an object, such as a value for each channel; then its members are told apart.
"""

from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]


def without_stop(seen: Fields, image: Fields, written: Fields | None) -> dict[str, Any]:
    """Return fields that were read during a stop as they were before it.

    `image` is how they were then, `written` what the stop wrote; None: nobody knows, so all of it.
    """
    fields = dict(seen)
    for name in image if written is None else written:
        if name in image:
            theirs, ours = image[name], seen.get(name)
            if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
                theirs = {**ours, **theirs}
            fields[name] = theirs
    return fields


def joined(own: Fields, image: Fields, written: Fields, *, trusted: bool) -> dict[str, Any]:
    """Return our image with what another's stop wrote as it was before that.

    What ours does not know is taken over; and, unless ours is `trusted` to have been read before
    that stop, what looks there as the stop left it.
    """
    fields = dict(own)
    for name, value in written.items():
        if name in image:
            fields[name] = _before(own, name, image[name], None if trusted else value)
    return fields


def _before(own: Fields, name: str, theirs: Any, wrote: Any) -> Any:
    """Return a field of ours, or theirs where ours looks as their stop, if it is told, left it."""
    if name not in own:
        return theirs
    ours = own[name]
    if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
        return theirs if wrote is not None and ours == wrote else ours
    left = wrote if isinstance(wrote, Mapping) else {}
    shows = {key: value for key, value in theirs.items()
             if key not in ours or (key in left and ours[key] == left[key])}
    return {**ours, **shows}


def written_by_both(first: Fields, second: Fields) -> dict[str, Any]:
    """Return what two stops wrote; the second has the last word."""
    fields = dict(first)
    for name, value in second.items():
        both = isinstance(value, Mapping) and isinstance(fields.get(name), Mapping)
        fields[name] = {**fields[name], **value} if both else value
    return fields
