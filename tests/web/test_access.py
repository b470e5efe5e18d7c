"""Who asks, and whether they may."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from pictures import refused, send

from photochrom.web.access import Proxies, client_address

PUBLIC = "photos.example.org"
NGINX = {"host": PUBLIC, "x-forwarded-host": PUBLIC, "x-forwarded-proto": "https"}
OWN = {"origin": f"https://{PUBLIC}", "sec-fetch-site": "same-origin"}
FORGED = NGINX | OWN | {"host": "localhost"}


@pytest.mark.parametrize(
    ("address", "forwarded", "expected"),
    [
        ("192.0.2.7", [], "192.0.2.7"), ("127.0.0.1", [], "127.0.0.1"), ("", [], ""),
        ("192.0.2.7", ["198.51.100.1"], "192.0.2.7"),  # anybody may say so
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"), ("::1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),  # the first is hearsay
        ("127.0.0.1", ["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", [""], "127.0.0.1"), ("127.0.0.1", ["x" * 9999], "x" * 100),
        ("2001:db8:1:2::3", [], "2001:db8:1:2::/64"), ("::ffff:192.0.2.7", [], "192.0.2.7"),
        ("2001:db8:1:2:ffff::4", [], "2001:db8:1:2::/64"),
    ],
)  # fmt: skip
def test_client_address_is_where_they_are(address, forwarded, expected):
    headers = [(b"x-forwarded-for", some.encode()) for some in forwarded]
    scope = {"type": "http", "client": (address, 50000) if address else None, "headers": headers}
    assert client_address(scope | {"client": (Proxies().client(scope), 0)}) == expected


def test_named_proxies_are_believed_one_before_the_other():
    proxies = Proxies(["10.0.0.0/24", "2001:db8::7"])
    chain = {"headers": [(b"x-forwarded-for", b"6.6.6.6, 192.0.2.7, 10.0.0.9, 2001:db8::7")]}
    for peer, client in (("10.0.0.5", "192.0.2.7"), ("::ffff:10.0.0.5", "192.0.2.7"),
                         ("10.0.1.5", "10.0.1.5"), ("127.0.0.1", "192.0.2.7")):  # fmt: skip
        assert proxies.client(chain | {"client": (peer, 50000)}) == client


@pytest.fixture
def ask(make_client):
    """The statuses of a page and of a deed, for requests of a machine."""

    def ask(headers: dict[str, str], peer: str = "127.0.0.1", **options: object) -> tuple[int, int]:
        app = make_client(**{"hosts": ["localhost", "127.0.0.1", "::1", PUBLIC]} | options).app
        client = TestClient(app, "http://localhost", client=(peer, 50_000))
        page = client.get("/", headers=headers)
        return page.status_code, client.delete("/api/photos/none", headers=headers).status_code

    return ask


LET_IN, LOOK_ONLY, REFUSED = (200, 204), (200, 403), (421, 421)
ACCESS = {
    LET_IN: [
        {"host": "localhost"}, {"host": "localhost:8000"}, {"host": "127.0.0.1:8000"},
        {"host": "[::1]:8000"}, {"host": "LOCALHOST"},
        {"origin": "http://localhost", "sec-fetch-site": "same-origin"},
        {"host": "localhost:8000", "origin": "http://localhost:8000"},
        NGINX, NGINX | OWN,
        {"host": PUBLIC} | OWN,  # as much as is needed at the usual port
        FORGED, FORGED | {"host": "127.0.0.1:8000"},
        NGINX | OWN | {"x-forwarded-host": f"{PUBLIC}:443"},
        NGINX | OWN | {"x-forwarded-host": f"{PUBLIC}, inner.example.org"},
        NGINX | OWN | {"host": PUBLIC.upper()},
        NGINX | {"x-forwarded-host": f"{PUBLIC}:8443", "origin": f"https://{PUBLIC}:8443"},
        {"host": f"{PUBLIC}:8443", "origin": f"https://{PUBLIC}:8443"},
    ],
    LOOK_ONLY: [  # a foreign page
        {"origin": "http://evil.example"}, {"origin": "http://localhost:9999"}, {"origin": "null"},
        {"origin": "http://localhost.evil.example"},
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
        NGINX | {"origin": "https://evil.example"}, NGINX | {"origin": "null"},
        NGINX | {"origin": f"http://{PUBLIC}"},  # whoever listens in could be that
        NGINX | {"origin": f"https://{PUBLIC}:8443"}, NGINX | {"origin": "https://localhost"},
        NGINX | OWN | {"sec-fetch-site": "cross-site"},
        {"host": "localhost", "origin": f"https://{PUBLIC}"},
    ],
    REFUSED: [  # a foreign name for this machine
        {"host": "evil.example"}, {"host": "127.0.0.1.evil.example"}, {"host": ""}, {"host": "["},
        {"host": "::"}, {"host": "localhost.evil.example:8000"}, {"host": f"{PUBLIC}.evil.example"},
        {"host": "evil.example", "x-forwarded-host": "localhost"},  # a name with our address
        {"host": "evil.example", "x-forwarded-host": PUBLIC, "origin": "http://evil.example"},
        {"host": "localhost", "x-forwarded-host": "evil.example"},
        {"host": PUBLIC, "x-forwarded-host": f"evil.example, {PUBLIC}"},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("statuses", "headers"), [(s, headers) for s, cases in ACCESS.items() for headers in cases]
)
def test_own_page_is_let_in_a_foreign_one_looks_and_a_foreign_name_is_refused(
    ask, statuses, headers
):
    assert ask(headers) == statuses


def test_public_name_is_known_only_if_told(ask):
    for headers in (NGINX | OWN, FORGED):
        assert ask(headers, hosts=["localhost"]) == REFUSED


def test_any_address_stands_for_addresses_and_no_names(make_client):
    client = make_client(hosts=["localhost", "darkroom", "0.0.0.0"])
    for host, status in [("darkroom:80", 200), ("192.168.1.7", 200), ("evil.example", 421)]:
        assert client.get("/api/health", headers={"host": host}).status_code == status


def test_proxy_is_believed_on_this_machine_or_where_it_was_named(ask):
    for peer in ("192.168.1.7", "testclient"):
        assert ask(FORGED, peer) == LOOK_ONLY
    assert ask({"host": PUBLIC} | OWN, "172.17.0.1") == LET_IN  # a proxy in a container
    assert ask(FORGED, "172.17.0.1", proxies=Proxies(["172.17.0.0/16"])) == LET_IN
    assert ask(FORGED, "172.18.0.1", proxies=Proxies(["172.17.0.0/16"])) == LOOK_ONLY


def test_every_deed_is_closed_to_foreign_pages(client):
    key = send(client)["id"]
    deeds = ["POST colorize", "POST photos", "OPTIONS photos", f"POST photos/{key}/colorize"]
    for method, path in map(str.split, (*deeds, f"DELETE photos/{key}")):
        answer = client.request(method, f"/api/{path}", headers={"origin": "http://evil.example"})
        assert refused(answer) == (403, "forbidden")
    assert client.get(f"/api/photos/{key}").status_code == 200


def test_refusals_say_how_a_proxy_or_name_becomes_known(make_client):
    client = make_client(hosts=["localhost", PUBLIC])
    for origin, told in ((f"https://{PUBLIC}", True), ("https://evil.example", False)):
        said = client.delete("/api/photos/none", headers={"origin": origin}).json()["detail"]
        assert ("has to pass on Host" in said) == told
    said = client.get("/api/health", headers={"host": "new.example.org:443"}).json()["detail"]
    assert "--allowed-host new.example.org" in said
    assert "<" not in client.get("/api/health", headers={"host": "<b>"}).json()["detail"]


def test_token_closes_the_api_and_not_the_page(make_client):
    client = make_client(token="s3cret")
    for shown in (None, "Bearer no", "s3cret", "Basic s3cret", b"Bearer \xff"):
        for path in ("/api/health", "/api/openapi.json", "/api/photos/x"):
            answer = client.get(path, headers={"authorization": shown} if shown else {})
            assert refused(answer) == (401, "unauthorized")
    assert client.get("/").status_code == 200
    right = {"authorization": "Bearer s3cret"}
    assert client.get("/api/health", headers=right).status_code == 200
