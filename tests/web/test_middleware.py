"""What every answer carries."""

from __future__ import annotations

import logging

import pytest
from pictures import refused, send

from photochrom.web.photo_store import PhotoStore

MARKS = {
    "content-security-policy": ("script-src 'self'", "default-src 'none'"),
    "x-content-type-options": ("nosniff",), "referrer-policy": ("no-referrer",),
    "cross-origin-opener-policy": ("same-origin",),
    "cross-origin-resource-policy": ("same-origin",),
    "permissions-policy": ("camera=()",), "accept-ranges": ("none",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200), ("/static/samples/coffee.jpg", 200), ("/static/nothing.js", 404),
        ("/api/health", 200), ("/api/photos/nobody", 404), ("/api/nothing", 404),
        ("/elsewhere", 404),
    ],
)  # fmt: skip
def test_every_answer_is_marked(client, path, status):
    answer = client.get(path)
    assert answer.status_code == status
    for header, words in MARKS.items():
        assert all(word in answer.headers[header] for word in words)
    caching = "no-store" if path.startswith("/api") else "no-cache"
    assert answer.headers["cache-control"] == caching
    assert "access-control-allow-origin" not in answer.headers


def test_own_mistakes_are_marked_and_tell_nothing_of_the_photo(client, monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise ValueError("grandmother in Kiel, 1931")

    key = send(client, name="grandmother.png")["id"]
    monkeypatch.setattr(PhotoStore, "__getitem__", fail)
    with caplog.at_level(logging.INFO):
        answer = client.post(f"/api/photos/{key}/colorize", json={})
    assert refused(answer) == (500, "failed")
    assert answer.headers["x-content-type-options"] == "nosniff"
    logged = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    assert any("ValueError in " in line for line in logged)
    for secret in ("grandmother", "Kiel", key):
        assert secret not in "".join(logged) + answer.text


def test_parts_of_a_file_are_not_to_be_had(client):
    path = "/static/samples/coffee.jpg"
    whole = client.get(path).content
    for asked in ("bytes=0-0", "bytes=0-0,2-2,4-4", "bytes=9-1", "nonsense"):
        answer = client.get(path, headers={"range": asked})
        assert (answer.status_code, answer.content) == (200, whole)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd",
        "/static/%00", "/static/a%00b", "/static/%5c..%5capp.py", "/static", "/static/",
        "/static/" + "a/" * 999, "/static/%ff", "/static/samples", "/%00", "/api/photos/%ff",
        "/api/photos//grey",
    ],
)  # fmt: skip
def test_no_path_leads_to_other_files(client, path):
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code in (307, 404, 405)
    assert "def create_app" not in answer.text
