"""Where webhooks may go: a table of what is not public, and properties of all the rest."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.webhooks.addresses import AddressPolicy, is_near, why_not_public

V4 = st.integers(0, 2**32 - 1).map(IPv4Address)
V6 = st.integers(0, 2**128 - 1).map(IPv6Address)
PUBLIC = AddressPolicy()

REFUSED = [
    # first and last of each network, and what hides another address
    ("0.0.0.0", "unspecified"), ("0.255.255.255", "unspecified"),
    ("10.0.0.0", "private"), ("10.255.255.255", "private"),
    ("100.64.0.0", "carrier"), ("100.127.255.255", "carrier"),
    ("127.0.0.0", "loopback"), ("127.0.0.1", "loopback"), ("127.255.255.255", "loopback"),
    ("169.254.0.0", "link-local"), ("169.254.169.254", "metadata"), ("169.254.255.255", "link"),
    ("172.16.0.0", "private"), ("172.31.255.255", "private"),
    ("192.0.0.0", "protocols"), ("192.0.0.170", "protocols"), ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4"), ("192.168.0.0", "private"), ("192.168.255.255", "private"),
    ("198.18.0.0", "benchmarks"), ("198.19.255.255", "benchmarks"),
    ("198.51.100.7", "documentation"), ("203.0.113.7", "documentation"),
    ("224.0.0.0", "multicast"), ("224.0.0.1", "multicast"), ("239.255.255.255", "multicast"),
    ("240.0.0.0", "reserved"), ("255.255.255.255", "reserved"),
    ("::", "unspecified"), ("::1", "loopback"), ("::7f00:1", "IPv4"), ("::a00:1", "IPv4"),
    ("::ffff:127.0.0.1", "IPv4"), ("::ffff:8.8.8.8", "IPv4"), ("::ffff:a9fe:a9fe", "IPv4"),
    ("64:ff9b::7f00:1", "NAT64"), ("64:ff9b::a00:1", "NAT64"), ("64:ff9b::8.8.8.8", "NAT64"),
    ("64:ff9b:1::1", "NAT64"), ("64:ff9b:1:ffff::", "NAT64"), ("64:ff9b:2::1", "reserved"),
    ("100::1", "discarded"), ("2001::1", "Teredo"), ("2001:0:7f00:1::", "Teredo"),
    ("2001:2::1", "protocols"), ("2001:1ff:ffff::", "protocols"), ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "6to4"), ("2002:808:808::1", "6to4"), ("3fff::1", "documentation"),
    ("4000::1", "reserved"), ("5f00::1", "reserved"), ("fc00::1", "private"),
    ("fd00:ec2::254", "private"), ("fe80::1", "link-local"), ("febf::1", "link-local"),
    ("fec0::1", "site-local"), ("feff::1", "site-local"), ("ff02::1", "multicast"),
    ("ff0e::1", "multicast"),
    # what is no plain address
    ("fe80::1%eth0", "one link"), ("2a00::1%1", "one link"), ("", "no IP"), ("localhost", "no IP"),
    ("127.1", "no IP"), ("2130706433", "no IP"), ("0x7f.0.0.1", "no IP"), ("0177.0.0.1", "no IP"),
    ("①②⑦.⓪.⓪.①", "no IP"), ("127.0.0.1 ", "no IP"), ("8.8.8.8/32", "no IP"),
]  # fmt: skip
ALLOWED = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255",
    "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700::1111",
    "2a00::1", "3ffe:ffff::1",
]  # fmt: skip


@pytest.mark.parametrize(("address", "words"), REFUSED)
def test_what_is_not_public_is_refused(address: str, words: str) -> None:
    """Every special network, to its edges, and every disguise; the words name what it is."""
    refusal = PUBLIC.refusal(address, 443)

    assert refusal is not None
    assert words in refusal


@pytest.mark.parametrize("address", ALLOWED)
def test_the_neighbours_are_public(address: str) -> None:
    """What lies just outside the special networks is let through."""
    assert PUBLIC.refusal(address, 443) is None


@given(V4)
def test_no_address_that_python_calls_special_is_let_through(address: IPv4Address) -> None:
    """The table is at least as strict as the registry in the standard library."""
    special = not address.is_global or address.is_multicast or address.is_reserved

    assert not special or PUBLIC.refusal(str(address), 443) is not None


@given(V6)
def test_no_such_address_of_ipv6_either(address: IPv6Address) -> None:
    """The same, with whatever may carry an IPv4 address inside."""
    hides = address.ipv4_mapped or address.sixtofour or address.teredo
    special = not address.is_global or address.is_multicast or address.is_site_local or hides

    assert not special or PUBLIC.refusal(str(address), 443) is not None


@given(V4, st.sampled_from(["::ffff:0:0", "64:ff9b::", "::", "2002::", "64:ff9b:1::", "2001::"]))
def test_no_ipv4_address_is_reached_inside_another(inner: IPv4Address, outer: str) -> None:
    """Mapped, compatible, NAT64, 6to4, Teredo: whatever is inside, the whole is refused."""
    shift = 80 if outer == "2002::" else 0
    address = IPv6Address(int(IPv6Address(outer)) | int(inner) << shift)

    assert PUBLIC.refusal(str(address), 443) is not None


@given(st.one_of(V4, V6))
def test_private_is_opened_and_nothing_else(address: IPv4Address | IPv6Address) -> None:
    """With `allow_private` loopback and private networks are let in; the rest stays refused."""
    opened = AddressPolicy(allow_private=True).refusal(str(address), 443)

    assert (opened is None) == (is_near(address) or why_not_public(address) is None)


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
                                     "0.0.0.0", "224.0.0.1", "100.64.0.1", "fe80::1"])  # fmt: skip
def test_some_doors_never_open(address: str) -> None:
    """Not even development may reach metadata, or this machine in disguise."""
    assert AddressPolicy(allow_private=True).refusal(address, 443) is not None


def test_only_listed_ports() -> None:
    """A port that is not listed is refused, and said; plain http goes to no public address."""
    assert PUBLIC.refusal("8.8.8.8", 8443) is None
    assert PUBLIC.refusal("8.8.8.8", 22) == "port 22 is not among those allowed (443, 8443)"
    assert PUBLIC.refusal("8.8.8.8", 443, in_clear=True) is not None
    assert AddressPolicy(allow_private=True).refusal("10.0.0.1", 443, in_clear=True) is None
