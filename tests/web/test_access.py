"""Who is who."""

from __future__ import annotations

import pytest

from photochrom.web.access import client_address


@pytest.mark.parametrize(
    ("address", "forwarded", "told"),
    [
        ("192.0.2.7", [], "192.0.2.7"),
        ("192.0.2.7", ["198.51.100.1"], "192.0.2.7"),  # anybody may say so
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("::1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),  # the first is hearsay
        ("127.0.0.1", ["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("2001:db8:1:2::3", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::4", [], "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", [], "192.0.2.7"),
        ("127.0.0.1", ["x" * 9999], "x" * 100),
        ("", [], ""),
    ],
)
def test_clients_are_told_apart_by_where_they_are(address, forwarded, told):
    headers = [(b"x-forwarded-for", some.encode()) for some in forwarded]
    scope = {"type": "http", "client": (address, 50000) if address else None, "headers": headers}
    assert client_address(scope) == told
