"""How canaries did, in words for operators."""

from freezeguard.ports.canaries import Canary


def in_words(one: Canary) -> str:
    """Say how the last round of a canary went, and what was seen last."""
    seen = [
        f"{what} in {seconds:.2f} s"
        for what, seconds in (("stopped", one.stop_seconds), ("sold again", one.release_seconds))
        if seconds is not None
    ]
    last = "flying" if one.result is None else one.result
    amiss = f": {one.detail}" if one.detail else ""
    return f"{one.sku} {last}{amiss}" + (f"; last {', '.join(seen)}" if seen else "")
