"""Bodies: how long, of how many parts, how slow."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from pictures import encode, halves, post_scope, refused
from starlette import formparsers

from photochrom.web import body_limits

JSON = {"content-type": "application/json"}
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}
PATH = "/api/photos/nobody/colorize"
HEAD = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'


@pytest.mark.parametrize(
    ("path", "kind", "announced"),
    [
        (PATH, JSON, True), (PATH, JSON, False), (PATH, MULTIPART, True),
        ("/api/photos", JSON, True),
        ("/api/colorize", {"content-type": "application/x-www-form-urlencoded"}, True),
    ],
)  # fmt: skip
def test_request_without_a_photo_is_short(client, path, kind, announced):
    body = b'{"model": "' + b"a" * 300_000 + b'"}'
    answer = client.post(path, content=body if announced else iter([body]), headers=kind)
    assert refused(answer) == (413, "too-large")
    assert "without a photo" in answer.json()["detail"]


def test_upload_is_refused_by_what_is_announced_or_comes(make_client):
    client = make_client(limits={"megabytes": 0.01})

    def post(length: str | None = None, **body: Any) -> Any:
        headers = {"content-length": length} if length else {}
        return client.post("/api/photos", headers=MULTIPART | headers, **body)

    for length in ("1100000", "9" * 30):
        answer = post(length, content=b"")
        assert refused(answer) == (413, "too-large")
        assert "0.01 MB" in answer.json()["detail"]
    assert post("many", content=b"").status_code == 400
    assert refused(post(content=iter([HEAD, *[bytes(100_000)] * 100]))) == (413, "too-large")
    small = client.post("/api/photos", files={"photo": ("a.png", bytes(20_000))})
    assert refused(small) == (413, "too-large")


def test_as_many_hints_as_there_may_be_fit(client):
    spot = {"x": 1234.5678901234567, "y": 1234.5678901234567, "color": [12.345678901234567] * 2}
    assert refused(client.post(PATH, json={"hints": [spot] * 1000})) == (404, "expired")


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({f"{n}": 0 for n in range(15_000)}),
        "{" + ",".join(['"x": 0'] * 15_000) + "}",
        '{"hints": [{"x": 1, "more": ' + json.dumps(dict.fromkeys(map(str, range(99)))) + "}]}",
        '{"a":' * 20_000 + "0" + "}" * 20_000,
    ],
    ids=["keys", "the same key", "keys below", "depth"],
)
def test_crowd_of_keys_is_not_looked_at(client, body):
    answer = client.post(PATH, content=body, headers=JSON)
    assert refused(answer) == (400, "bad-request")


def part(name: str, more: str, content: bytes) -> bytes:
    return HEAD.replace(b'photo"; filename="a"', f'{name}"{more}'.encode()) + content + b"\r\n"


def test_form_has_one_file_and_few_fields(client, monkeypatch):
    made: list[Any] = []

    class Counted(formparsers.SpooledTemporaryFile):
        def __init__(self, *args: Any, **options: Any) -> None:
            made.append(self)
            super().__init__(*args, **options)

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", Counted)
    photo = part("photo", '; filename="a.png"', encode(halves(40, 30)))
    for path in ("/api/photos", "/api/colorize"):
        for form in (photo * 2, photo + part("a", "", b"1") * 99, part("a", "", bytes(600_000))):
            made.clear()
            answer = client.post(path, content=form + b"--x--\r\n", headers=MULTIPART)
            assert refused(answer) == (400, "bad-request")
            assert len(made) <= 1
            assert all(file.closed for file in made)


@pytest.mark.anyio
@pytest.mark.parametrize("pause", [0.01, 600], ids=["drips", "never comes"])
async def test_body_that_is_too_slow_is_given_up(make_client, monkeypatch, pause):
    monkeypatch.setattr(body_limits, "_SILENCE", 0.05)
    app, told = make_client().app, []
    drops = itertools.chain([HEAD], itertools.repeat(b"a", 30_000))

    async def drip() -> dict[str, Any]:
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": next(drops), "more_body": True}

    async def hear(message: dict[str, Any]) -> None:
        told.append(message)

    await app(post_scope("/api/photos", MULTIPART["content-type"]), drip, hear)
    assert told[0]["status"] == 408
    assert (b"x-content-type-options", b"nosniff") in told[0]["headers"]


def test_uploads_find_room_when_others_have_left(make_client, monkeypatch):
    photo = {"photo": ("a.png", bytes(800_000))}
    monkeypatch.setattr(body_limits, "_AT_ONCE", 1)
    client = make_client(limits={"megabytes": 1})
    for _ in range(4):
        assert client.post("/api/photos", files=photo).status_code == 415
    monkeypatch.setattr(body_limits, "_AT_ONCE", 0.2)
    answer = make_client(limits={"megabytes": 1}).post("/api/photos", files=photo)
    assert refused(answer) == (503, "busy")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.anyio
async def test_of_long_answers_that_hold_too_much_the_oldest_is_broken_off(monkeypatch):
    monkeypatch.setattr(body_limits, "_ANSWERS", 3 * body_limits.PIECE)
    message = {"type": "http.response.body", "body": bytes(2 * body_limits.PIECE)}
    sender, taken = body_limits.AnswerSender(), []

    async def never(_: Any) -> None:
        await asyncio.sleep(600)

    async def take(piece: Any) -> None:
        taken.append((len(piece["body"]), piece["more_body"]))

    first = asyncio.create_task(sender.send(message, never))
    await asyncio.sleep(0)
    await sender.send(message, take)
    with pytest.raises(body_limits.BrokenOff):
        await first
    assert taken == [(body_limits.PIECE, True), (body_limits.PIECE, False)]
