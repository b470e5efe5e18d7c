"""Who asks, as far as that is to be told apart: by where it comes from."""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.types import Scope

from photochrom.web.middleware import is_loopback

_NETWORK = 64
"""Bits of an IPv6 address that are a household's; it has all the others to itself."""


def client(scope: Scope) -> str:
    """A word for the client of a request.

    A proxy on this machine is believed about whom it asks for: the last one that it names, as
    those before are what that one says itself.
    """
    address = str((scope.get("client") or ("",))[0])
    if is_loopback(address):
        forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
        address = forwarded.rpartition(",")[2].strip() or address
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, _NETWORK), strict=False))
        return str(found.ipv4_mapped)
    return str(found)
