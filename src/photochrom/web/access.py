"""Who asks, and whether they may: addresses, hosts, origins and the token."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from photochrom.web.problems import RequestProblem

_NETWORK = 64
"""Bits of an IPv6 address that are a household's; it has all the others to itself."""


class Proxies:
    """Who is believed about whom he asks for: proxies on this machine, and those that are named.

    Args:
        networks: addresses, or networks such as 10.0.0.0/8.

    Raises:
        ValueError: one is none.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ipaddress.ip_network(given, strict=False) for given in networks]

    def __contains__(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        found = getattr(found, "ipv4_mapped", None) or found
        return found.is_loopback or any(found in network for network in self._networks)

    def client(self, scope: Scope) -> str:
        """The address of who has asked: the last one named that is no such proxy.

        Those before it are what that one says himself.
        """
        address = peer(scope)
        named = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
        while address in self and named:
            address = named.pop().strip() or address
        return address


def own_path(scope: Scope) -> str:
    """What a request is for, below where a proxy shows this server."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def is_api(scope: Scope) -> bool:
    """Whether a request is for the API, and not for the page and its files."""
    return own_path(scope).startswith("/api")


def peer(scope: Scope) -> str:
    """The address at the other end of the connection, or whom the guard has put there."""
    return str((scope.get("client") or ("",))[0])


def client_address(scope: Scope) -> str:
    """The client of a request, as far as clients are to be told apart: by where they are."""
    address = peer(scope)
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, _NETWORK), strict=False))
        return str(found.ipv4_mapped)
    return str(found)


class AccessRules:
    """Who may ask.

    Args:
        hosts: names and addresses by which the server may be called, itself or through a proxy
            that forwards them, which keeps a foreign page from giving its own name
            this address; 0.0.0.0 and :: stand for any address.
        token: what an API request must show; None for nothing.
        proxies: that are believed.
    """

    def __init__(self, hosts: Collection[str], token: str | None, proxies: Proxies) -> None:
        self.hosts, self.token, self.proxies = hosts, token, proxies

    def refusal(self, scope: Scope) -> RequestProblem | None:
        """Why a request is refused; None if it is not."""
        headers = Headers(scope=scope)
        host, scheme = self._seen_by_browser(scope, headers)
        # The host of the request itself, too: who gives his name this address can forward any.
        for name in map(_host_name, (headers.get("host", ""), host)):
            if not self._knows(name):
                words = "This address is not allowed here: use localhost"
                if re.fullmatch(r"[\w.:-]{1,253}", name, re.ASCII):  # only then it is repeated
                    words = f"{name} is not allowed here: use localhost, or start the server with "
                    words += f"--allowed-host {name}"
                return RequestProblem(421, "bad-request", f"{words}.")
        if scope["method"] not in ("GET", "HEAD") and _from_foreign_page(headers, host, scheme):
            own = self._knows(_host_name(headers.get("origin", "").partition("://")[2]))
            more = " If this is that page, its proxy has to pass on Host and X-Forwarded-Proto."
            words = "Only this server's own page may do that."
            return RequestProblem(403, "forbidden", words + more if own else words)
        if is_api(scope) and self.token is not None:
            kind, _, shown = headers.get("authorization", "").partition(" ")
            right = secrets.compare_digest(shown.encode(), self.token.encode())
            if not right or kind.lower() != "bearer":
                words = "This page needs its token: open it as /?token=..."
                return RequestProblem(401, "unauthorized", words)
        return None

    def _knows(self, name: str) -> bool:
        if name in self.hosts:
            return True
        if not {"0.0.0.0", "::"}.intersection(self.hosts):  # noqa: S104 - compared, not bound
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _seen_by_browser(self, scope: Scope, headers: Headers) -> tuple[str, str | None]:
        """Host, with its port, and scheme that a browser believes to talk to; None for unknown.

        What a proxy of ours forwards is believed; what anybody else says is not.
        """

        def first(
            name: str,
        ) -> str:  # of several proxies, which is the one that the browser talks to
            return headers.get(name, "").partition(",")[0].strip()

        host = headers.get("host", "")
        if peer(scope) not in self.proxies:
            return host, None
        return first("x-forwarded-host") or host, first("x-forwarded-proto").lower() or None


def _from_foreign_page(headers: Headers, host: str, scheme: str | None) -> bool:
    """Whether a browser says that another page is behind it."""
    origin = headers.get("origin")
    if origin is not None:
        its_scheme, _, its_host = origin.partition("://")
        own = _without_usual_port(host, scheme or its_scheme)
        if (its_scheme, _without_usual_port(its_host, its_scheme)) != (scheme or its_scheme, own):
            return True
    return headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def _without_usual_port(host: str, scheme: str) -> str:
    """A host as an origin has it: without the port that its scheme has anyway."""
    usual = {"http": ":80", "https": ":443"}.get(scheme, "")
    return host.removesuffix(usual).lower()


def _host_name(host: str) -> str:
    """The host without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
