"""Who may ask, how much they may send, and how answers are marked."""

from __future__ import annotations

import asyncio
import logging

import pytest
from album import halves, picture, send
from fastapi.testclient import TestClient

from photochrom.web import body_limits
from photochrom.web.engine import Engine


@pytest.fixture
def photo() -> dict[str, tuple[str, bytes]]:
    return {"photo": ("garden.png", picture(halves()))}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/static/samples/coffee.jpg", 200),
        ("/static/nothing.js", 404),
        ("/api/health", 200),
        ("/api/photos/nobody", 404),
        ("/api/nothing", 404),
        ("/elsewhere", 404),
    ],
)
def test_every_answer_carries_the_headers(client, path, status):
    answer = client.get(path)
    assert answer.status_code == status
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]
    caching = "no-store" if path.startswith("/api") else "no-cache"
    assert answer.headers["cache-control"] == caching
    assert "access-control-allow-origin" not in answer.headers


def test_errors_of_ours_carry_them_too_and_tell_nothing_of_the_photo(client, monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise ValueError("grandmother in Kiel, 1931")

    monkeypatch.setattr(Engine, "preview", fail)
    key = send(client, picture(halves()), "grandmother.png")["id"]
    with caplog.at_level(logging.INFO):
        answer = client.post(f"/api/photos/{key}/colorize", json={})
    assert (answer.status_code, answer.json()["code"]) == (422, "failed")
    assert answer.headers["x-content-type-options"] == "nosniff"
    logged = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    assert any("ValueError in " in line for line in logged)
    for secret in ("grandmother", "Kiel", key):
        assert secret not in "".join(logged) + answer.text


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"]
)
def test_this_machine_may_be_called_by_its_names(client, host):
    assert client.get("/api/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "", "[", "::"]
)
def test_a_foreign_name_for_this_machine_is_refused(client, host):
    for path in ("/", "/api/health", "/static/samples/coffee.jpg"):
        assert client.get(path, headers={"host": host}).status_code == 421


def test_where_other_machines_may_come_they_come_by_address_or_by_a_known_name(house):
    client = house(hosts=["localhost", "darkroom", "0.0.0.0"])
    for host, status in [("darkroom:80", 200), ("192.168.1.7", 200), ("evil.example", 421)]:
        assert client.get("/api/health", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:9999"},
        {"origin": "null"},
        {"origin": "http://localhost.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_foreign_page_cannot_make_it_work(client, photo, headers):
    key = send(client, picture(halves()))["id"]
    for ask in (
        lambda: client.post("/api/colorize", files=photo, headers=headers),
        lambda: client.post("/api/photos", files=photo, headers=headers),
        lambda: client.post(f"/api/photos/{key}/colorize", json={}, headers=headers),
        lambda: client.delete(f"/api/photos/{key}", headers=headers),
        lambda: client.options("/api/photos", headers=headers),
    ):
        answer = ask()
        assert answer.status_code == 403
        assert answer.json()["detail"]
    assert client.get(f"/api/photos/{key}").status_code == 200


def test_its_own_page_can(client, photo):
    own = {"origin": "http://localhost", "sec-fetch-site": "same-origin"}
    assert client.post("/api/photos", files=photo, headers=own).status_code == 201


# --- behind a proxy ---------------------------------------------------------------------------

PUBLIC = "photos.example.org"
NGINX = {"host": PUBLIC, "x-forwarded-host": PUBLIC, "x-forwarded-proto": "https"}
OWN = {"origin": f"https://{PUBLIC}", "sec-fetch-site": "same-origin"}


@pytest.fixture
def asked(house):
    """The statuses of a page and of a deed, for requests of a machine."""

    def ask(headers: dict[str, str], peer: str = "127.0.0.1", **options: object) -> tuple[int, int]:
        app = house(**{"hosts": ["localhost", "127.0.0.1", PUBLIC]} | options).app
        client = TestClient(app, "http://localhost", client=(peer, 50_000))
        page = client.get("/", headers=headers)
        return page.status_code, client.delete("/api/photos/none", headers=headers).status_code

    return ask


@pytest.mark.parametrize(
    "headers",
    [
        NGINX | OWN,
        {"host": PUBLIC} | OWN,  # as much as is needed at the usual port
        {"host": "127.0.0.1:8000", "x-forwarded-host": PUBLIC, "x-forwarded-proto": "https"} | OWN,
        NGINX | OWN | {"x-forwarded-host": f"{PUBLIC}:443"},
        NGINX | OWN | {"x-forwarded-host": f"{PUBLIC}, inner.example.org"},
        NGINX | OWN | {"host": PUBLIC.upper()},
        NGINX | {"x-forwarded-host": f"{PUBLIC}:8443", "origin": f"https://{PUBLIC}:8443"},
        {"host": f"{PUBLIC}:8443", "origin": f"https://{PUBLIC}:8443"},
        {"host": "localhost:8000", "origin": "http://localhost:8000"},
        NGINX,
    ],
)
def test_behind_a_proxy_its_own_page_can(asked, headers):
    assert asked(headers) == (200, 204)


@pytest.mark.parametrize(
    "headers",
    [
        NGINX | {"origin": "https://evil.example"},
        NGINX | {"origin": f"http://{PUBLIC}"},  # whoever listens in could be that
        NGINX | {"origin": f"https://{PUBLIC}:8443"},
        NGINX | {"origin": "https://localhost"},
        NGINX | {"origin": "null"},
        NGINX | OWN | {"sec-fetch-site": "cross-site"},
        {"host": "localhost", "origin": f"https://{PUBLIC}"},
    ],
)
def test_behind_a_proxy_a_foreign_page_cannot(asked, headers):
    assert asked(headers) == (200, 403)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {
            "host": "evil.example",
            "x-forwarded-host": "localhost",
        },  # a name that was given our address
        {"host": "evil.example", "x-forwarded-host": PUBLIC, "origin": "http://evil.example"},
        {"host": "localhost", "x-forwarded-host": "evil.example"},
        {"host": PUBLIC, "x-forwarded-host": f"evil.example, {PUBLIC}"},
        {"host": f"{PUBLIC}.evil.example"},
    ],
)
def test_behind_a_proxy_other_names_are_as_foreign_as_before(asked, headers):
    assert asked(headers) == (421, 421)


def test_without_being_told_of_a_name_it_is_foreign(asked):
    assert asked(NGINX | OWN, hosts=["localhost"]) == (421, 421)
    inner = {"host": "localhost", "x-forwarded-host": PUBLIC} | OWN
    assert asked(inner, hosts=["localhost"]) == (421, 421)


def test_what_another_machine_says_of_a_proxy_is_not_believed(asked):
    forged = {"host": "localhost", "x-forwarded-host": PUBLIC, "x-forwarded-proto": "https"} | OWN
    assert asked(forged) == (200, 204)
    for peer in ("192.168.1.7", "testclient"):
        assert asked(forged, peer) == (200, 403)
    assert asked({"host": PUBLIC} | OWN, "172.17.0.1") == (200, 204)  # a proxy in a container


def test_a_proxy_that_passes_no_host_on_is_told_to(house):
    client = house(hosts=["localhost", PUBLIC])
    for origin, told in ((f"https://{PUBLIC}", True), ("https://evil.example", False)):
        said = client.delete("/api/photos/none", headers={"origin": origin}).json()["detail"]
        assert ("has to pass Host" in said) == told


def test_an_unknown_name_is_told_how_it_becomes_known(house):
    client = house()
    said = client.get("/api/health", headers={"host": f"{PUBLIC}:443"}).json()["detail"]
    assert f"--allowed-host {PUBLIC}" in said
    odd = client.get("/api/health", headers={"host": "<b>"}).json()["detail"]
    assert "<" not in odd


def test_with_a_token_the_api_is_closed_to_those_without(house, photo):
    client = house(token="s3cret")
    for shown in (None, "Bearer no", "s3cret", "Basic s3cret", b"Bearer \xff"):
        for path in ("/api/health", "/api/openapi.json", "/api/photos/x"):
            answer = client.get(path, headers={"authorization": shown} if shown else {})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert client.get("/").status_code == 200
    right = {"authorization": "Bearer s3cret"}
    assert client.post("/api/photos", files=photo, headers=right).status_code == 201


def test_too_many_bytes_are_refused_by_what_is_announced(house):
    client = house(limits={"megabytes": 0.01})
    kind = {"content-type": "multipart/form-data; boundary=x"}
    for length in ("1100000", "9" * 30):
        headers = kind | {"content-length": length}
        answer = client.post("/api/photos", headers=headers, content=b"")
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert "0.01 MB" in answer.json()["detail"]
    answer = client.post("/api/photos", headers={"content-length": "many"}, content=b"")
    assert answer.status_code == 400
    small = client.post("/api/photos", files={"photo": ("a.png", bytes(20_000))})
    assert (small.status_code, small.json()["code"]) == (413, "too-large")


def test_and_by_what_comes_where_nothing_is_announced(house):
    client, sent = house(limits={"megabytes": 0.01}), 0

    def endless():
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        for _ in range(100):
            sent += 1
            yield bytes(100_000)

    kind = {"content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/photos", content=endless(), headers=kind)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_a_body_that_never_comes_is_given_up(house, monkeypatch):
    monkeypatch.setattr(body_limits, "_SILENCE", 0.05)
    app = house().app
    told = []

    async def never():
        await asyncio.sleep(600)

    async def hear(message):
        told.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/api/photos", "raw_path": b"/api/photos",
        "query_string": b"", "http_version": "1.1", "scheme": "http",
        "headers": [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=x")],
    }  # fmt: skip
    asyncio.run(app(scope, never, hear))
    assert told[0]["status"] == 408
    assert (b"x-content-type-options", b"nosniff") in told[0]["headers"]
