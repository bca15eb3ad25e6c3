"""Which addresses a webhook may go to: those of the public internet, and no others. Pure.

`ipaddress` alone does not tell: its `is_private` is False for the shared space of carriers
(100.64.0.0/10), and its `is_global` True for multicast and for addresses that carry an IPv4 one
inside (NAT64, 6to4). So the table is our own, after the special-purpose registries of IANA
(RFC 6890 and what has been added since); a test proves that it refuses all that `ipaddress` calls
not global.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

STANDARD_PORTS = frozenset({443, 8443})

_Network = tuple[int, int, str]


def _networks(table: Mapping[str, str]) -> tuple[_Network, ...]:
    """Return networks as (first address, mask, words)."""
    nets = ((ip_network(text), words) for text, words in table.items())
    return tuple((int(net.network_address), int(net.netmask), words) for net, words in nets)


_V4 = _networks(
    {
        "0.0.0.0/8": "unspecified",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared by a carrier",
        "127.0.0.0/8": "loopback",
        "169.254.0.0/16": "link-local, where clouds answer with metadata",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "reserved for protocols",
        "192.0.2.0/24": "reserved for documentation",
        "192.88.99.0/24": "a 6to4 relay",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "reserved for benchmarks",
        "198.51.100.0/24": "reserved for documentation",
        "203.0.113.0/24": "reserved for documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
    }
)
_V6 = _networks(
    {
        "::/128": "unspecified",
        "::1/128": "loopback",
        "::ffff:0:0/96": "an IPv4 address in the clothes of IPv6",
        "::/96": "an IPv4 address in the clothes of IPv6",
        "64:ff9b::/96": "NAT64",
        "64:ff9b:1::/48": "NAT64",
        "100::/64": "discarded",
        "2001::/32": "Teredo",
        "2001::/23": "reserved for protocols",
        "2001:db8::/32": "reserved for documentation",
        "2002::/16": "6to4",
        "3fff::/20": "reserved for documentation",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "fec0::/10": "site-local",
        "ff00::/8": "multicast",
    }
)
_GLOBAL_V6 = ip_network("2000::/3")
"""The only part of IPv6 that is handed out to the public so far."""
_NEAR = _networks(
    {
        "10.0.0.0/8": "", "127.0.0.0/8": "", "172.16.0.0/12": "", "192.168.0.0/16": "",
    }
)  # fmt: skip
_NEAR_V6 = _networks({"::1/128": "", "fc00::/7": ""})


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Where webhooks may go. `allow_private`: also to this machine and to private networks.

    With it plain http is allowed too, to those only. What is neither public nor private (metadata
    of a cloud, multicast, addresses inside addresses) stays refused.
    """

    ports: frozenset[int] = STANDARD_PORTS
    allow_private: bool = False

    def refusal(self, address: str, port: int, *, in_clear: bool = False) -> str | None:
        """Say why a connection to an address is refused; None where it may be made.

        Anything that is no plain IPv4 or IPv6 address (a name, a zone, other notations) is refused.
        """
        if port not in self.ports:
            return f"port {port} is not among those allowed ({_listed(self.ports)})"
        try:
            parsed = ip_address(address)
        except ValueError:
            return "it is no IP address"
        if self.allow_private and is_near(parsed):
            return None
        if (words := why_not_public(parsed)) is not None:
            return f"the address is {words}"
        return "a public address is called by https only" if in_clear else None


def why_not_public(address: IPv4Address | IPv6Address) -> str | None:
    """Say what an address is that does not belong to the public internet; None where it does."""
    if isinstance(address, IPv4Address):
        return _among(_V4, int(address))
    if address.scope_id is not None:
        return "of one link only"
    if (words := _among(_V6, int(address))) is not None:
        return words
    return None if address in _GLOBAL_V6 else "reserved"


def is_near(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is this machine's or of a private network."""
    if isinstance(address, IPv4Address):
        return _among(_NEAR, int(address)) is not None
    return address.scope_id is None and _among(_NEAR_V6, int(address)) is not None


def _among(table: tuple[_Network, ...], number: int) -> str | None:
    return next((words for first, mask, words in table if number & mask == first), None)


def _listed(ports: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(ports))) or "none"
