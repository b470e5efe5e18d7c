"""Bodies: how long, of how many parts, how slow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from album import halves, picture
from pydantic import ValidationError
from starlette import formparsers

from photochrom.web import body_limits, schemas

KIND = {"content-type": "application/json"}
PATH = "/api/photos/nobody/colorize"


def test_only_a_photo_may_be_long(client):
    body = b'{"model": "' + b"a" * 300_000 + b'"}'

    def parts() -> Iterator[bytes]:
        yield from (body[start : start + 10_000] for start in range(0, len(body), 10_000))

    form = {"content-type": "application/x-www-form-urlencoded"}
    for path, content, kind in [
        (PATH, body, KIND),
        (PATH, parts(), KIND),
        (PATH, body, {"content-type": "multipart/form-data; boundary=x"}),
        ("/api/colorize", b"a=1&" * 100_000, form),
        ("/api/photos", body, KIND),
    ]:
        answer = client.post(path, content=content, headers=kind)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert "without a photo" in answer.json()["detail"]


def test_as_many_hints_as_there_may_be_fit(client):
    spot = {"x": 1234.5678901234567, "y": 1234.5678901234567, "color": [12.345678901234567] * 2}
    answer = client.post(PATH, json={"hints": [spot] * 1000})
    assert (answer.status_code, answer.json()["code"]) == (404, "expired")


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
def test_a_crowd_of_keys_is_not_looked_at(client, body):
    answer = client.post(PATH, content=body, headers=KIND)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


def test_of_wrong_hints_the_first_is_complained_of():
    for wrong in ({}, 7, {"x": 1, "y": 1, "color": [0] * 999}):
        with pytest.raises(ValidationError) as complaint:
            schemas.ColorizeRequest.model_validate({"hints": [wrong] * 1000})
        assert complaint.value.error_count() < 9


def part(name: str, more: str, content: bytes) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def test_a_form_has_one_file_and_few_fields(client, monkeypatch):
    made: list[Any] = []

    class Counted(formparsers.SpooledTemporaryFile):
        def __init__(self, *given: Any, **options: Any) -> None:
            made.append(self)
            super().__init__(*given, **options)

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", Counted)
    photo = part("photo", '; filename="a.png"', picture(halves(40, 30)))
    kind = {"content-type": "multipart/form-data; boundary=x"}
    for path in ("/api/photos", "/api/colorize"):
        for form in (photo * 2, photo + part("a", "", b"1") * 99, part("a", "", bytes(600_000))):
            made.clear()
            answer = client.post(path, content=form + b"--x--\r\n", headers=kind)
            assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
            assert len(made) <= 1
            assert all(file.closed for file in made)


SCOPE = {
    "type": "http",
    "path": "/api/photos",
    "headers": [(b"content-type", b"multipart/form-data; boundary=x")],
}


def test_a_body_that_drips_is_given_up(monkeypatch):
    monkeypatch.setattr(body_limits, "_SILENCE", 0.05)
    drops = iter(range(30_000))

    async def drip() -> dict[str, Any]:
        next(drops)
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"a", "more_body": True}

    async def read() -> body_limits.BoundedBody:
        body = body_limits.BoundedBody(drip, SCOPE, body_limits.UploadBudget(64))
        while (await body.receive())["type"] == "http.request":
            pass
        return body

    assert asyncio.run(read()).problem.status == 408


def test_uploads_find_room_when_others_have_left(house, monkeypatch):
    photo = {"photo": ("a.png", bytes(800_000))}
    monkeypatch.setattr(body_limits, "_AT_ONCE", 1)
    client = house(limits={"megabytes": 1})
    for _ in range(4):
        assert client.post("/api/photos", files=photo).status_code == 415
    monkeypatch.setattr(body_limits, "_AT_ONCE", 0.2)
    answer = house(limits={"megabytes": 1}).post("/api/photos", files=photo)
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert int(answer.headers["retry-after"]) > 0


def test_of_long_answers_that_hold_too_much_the_oldest_is_broken_off(monkeypatch):
    monkeypatch.setattr(body_limits, "_ANSWERS", 3 * body_limits.PIECE)
    message = {"type": "http.response.body", "body": bytes(2 * body_limits.PIECE)}

    async def both() -> list[int]:
        answers, taken = body_limits.AnswerSender(), []

        async def never(_: Any) -> None:
            await asyncio.sleep(600)

        async def take(piece: Any) -> None:
            taken.append((len(piece["body"]), piece["more_body"]))

        first = asyncio.create_task(answers.send(message, never))
        await asyncio.sleep(0)
        await answers.send(message, take)
        with pytest.raises(body_limits.BrokenOff):
            await first
        return taken

    assert asyncio.run(both()) == [(body_limits.PIECE, True), (body_limits.PIECE, False)]


def test_parts_of_a_file_are_not_to_be_had(client):
    path = "/static/samples/coffee.jpg"
    whole = client.get(path)
    for asked in ("bytes=0-0", "bytes=0-0,2-2,4-4", "bytes=9-1", "nonsense"):
        answer = client.get(path, headers={"range": asked})
        assert (answer.status_code, answer.content) == (200, whole.content)
        assert answer.headers["accept-ranges"] == "none"
