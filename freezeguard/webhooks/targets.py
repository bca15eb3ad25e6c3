"""The address of an endpoint as it is written: what must be right before anybody resolves it."""

from dataclasses import dataclass

from yarl import URL

LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Target:
    """An address that can be called: parsed by the very library that calls it."""

    url: URL
    host: str
    port: int

    @property
    def is_encrypted(self) -> bool:
        """Say whether it is https."""
        return self.url.scheme == "https"


def parse(text: str) -> Target | str:
    """Return the target of an address, or say why it is none.

    A user before the host is refused: `https://shop.example@10.0.0.1/` deceives its reader.
    """
    if len(text) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return "only printable ASCII is allowed; write other characters percent-encoded or as xn--"
    try:
        url = URL(text)
        host, port = url.host, url.port
    except ValueError:
        return "it is no URL"
    if url.scheme not in {"https", "http"} or not host or port is None:
        return "it must begin with https:// and name a host"
    if url.user is not None or url.password is not None or "@" in url.raw_authority:
        return "a user or password in it is not allowed"
    if url.fragment:
        return "it must not have a fragment (#…)"
    return Target(url, host, port)
