"""Which addresses are local: what a crawl of public sites must never reach."""

from __future__ import annotations

import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_of(host: str) -> Address | None:
    """The address that a host literally is, decimal, octal, hexadecimal and short IPv4 forms included; None for a name."""
    bare = host.strip("[]")
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        pass
    if bare and all(c in "0123456789abcdefxABCDEFX." for c in bare) and bare[0].isdigit():
        try:
            return ipaddress.ip_address(socket.inet_aton(bare))
        except (OSError, ValueError):
            return None
    return None


def is_local(address: Address) -> bool:
    """Whether an address is not one of the public internet."""
    return not address.is_global or address.is_multicast
