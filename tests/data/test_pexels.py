"""Against a server on this machine that behaves like the API, and misbehaves on demand."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

import commands
from photochrom import files
from photochrom.data import pexels
from photochrom.data import pexels_search as search
from photochrom.data.pexels import Album
from photochrom.data.pexels_search import PexelsSearch
from photochrom.errors import BadOption, PhotochromError
from photochrom.storage import https

KEY = "the-secret-key"


class Pexels(ThreadingHTTPServer):
    """Photos 1..n of each query; ``answers`` holds what is done instead, by path, one at a time."""

    daemon_threads = True

    def __init__(self, encoded):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.encoded, self.ids, self.answers = encoded, {}, {}
        self.asked, self.keys, self.headers = Counter(), set(), {}
        self.gate = threading.Semaphore(1_000_000)  # photos given before the others have to wait
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.api = f"{self.url}/v1"

    def handle_error(self, *_):
        pass  # of clients that were killed

    def photo(self, number: int) -> dict:
        return {
            "id": number,
            "width": 60,
            "height": 40,
            "url": f"https://www.pexels.com/photo/{number}/",
            "photographer": f"Person {number}",
            "photographer_url": f"https://www.pexels.com/@{number}",
            "src": {"large": f"{self.url}/img/{number}.jpeg?h=650", "medium": f"{self.url}/m/1"},
        }


class _Handler(BaseHTTPRequestHandler):
    server: Pexels

    def log_message(self, *_):
        pass

    def do_GET(self):
        server, parts = self.server, urlsplit(self.path)
        query = parse_qs(parts.query)
        name = parts.path if "page" not in query else f"{query['query'][0]} {query['page'][0]}"
        server.asked[name] += 1
        if (waiting := server.answers.get(name)) and waiting.pop(0)(self):
            return
        if parts.path.startswith("/img/"):
            server.gate.acquire()
            assert "Authorization" not in self.headers
            self.answer(200, server.encoded(int(parts.path[5:].split(".")[0])))
            return
        server.keys.add(self.headers.get("Authorization"))
        if self.headers.get("Authorization") != KEY:
            self.answer(401, b'{"error": "Unauthorized"}')
            return
        ids = server.ids[query["query"][0]]
        page, size = int(query["page"][0]), 3
        told = {"photos": [server.photo(i) for i in ids[(page - 1) * size : page * size]]}
        if page * size < len(ids):
            told["next_page"] = f"{server.api}/search?page={page + 1}"
        self.answer(200, json.dumps(told).encode(), server.headers)

    def answer(self, status, body, headers=(), length=None):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        return True


def says(status, body=b"", headers=(), length=None):
    return lambda handler: handler.answer(status, body, headers, length)


def cut(handler):
    handler.connection.close()
    return True


@pytest.fixture
def server(encoded, monkeypatch):
    made = Pexels(encoded)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(https, "BACKOFF", 0.001)
    monkeypatch.setenv("PEXELS_API_KEY", KEY)
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def slept(monkeypatch):
    """What was waited for, without waiting; time stands still."""
    naps: list[float] = []
    moment = time.time()
    monkeypatch.setattr(https, "now", lambda: moment)
    monkeypatch.setattr(search.time, "sleep", naps.append)
    return naps


def run(server, out, *options) -> int:
    return commands.run("data", "pexels", "-o", out, "--api", server.api, *options)


def photos_asked(server) -> int:
    return sum(n for name, n in server.asked.items() if name.startswith("/img/"))


def manifest(out) -> list[dict]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines() if line]


def test_photos_come_once_with_who_took_them_from_all_queries_in_turn(server, tmp_path, encoded):
    server.ids = {"cats": list(range(1, 9)), "dogs": [3, 4, *range(20, 26)]}
    assert run(server, tmp_path / "out", "--count", 8, "--query", "cats", "dogs") == 0
    told = {entry["id"]: entry for entry in manifest(tmp_path / "out")}
    assert sorted(told) == [1, 2, 3, 4, 5, 20, 21, 22]  # one of each query in turn
    assert {p.name for p in (tmp_path / "out").glob("*.jpg")} == {f"{i}.jpg" for i in told}
    entry = told[20]
    data = (tmp_path / "out" / entry["file"]).read_bytes()
    assert data == encoded(20)
    assert entry["sha256"] == hashlib.sha256(data).hexdigest()
    assert (entry["photographer"], entry["query"], entry["width"]) == ("Person 20", "dogs", 60)
    assert (entry["page"], entry["licence"]) == ("https://www.pexels.com/photo/20/", pexels.LICENCE)
    assert all(n == 1 for n in server.asked.values())


def test_starting_again_costs_nothing_and_goes_on(server, tmp_path, capsys):
    server.ids = {"cats": list(range(1, 10))}
    assert run(server, tmp_path, "--count", 4, "--query", "cats") == 0
    before = dict(server.asked)
    assert run(server, tmp_path, "--count", 4, "--query", "cats") == 0
    assert dict(server.asked) == before
    assert run(server, tmp_path, "--count", 6, "--query", "cats") == 0
    assert all(n == 1 for n in server.asked.values())
    assert len(manifest(tmp_path)) == 6
    assert "6 photos, 2 of them new." in capsys.readouterr().err


def test_what_a_killed_process_left_is_taken_up(server, tmp_path, encoded):
    server.ids = {"cats": [1, 2, 3]}
    (tmp_path / "1.jpg").write_bytes(encoded(1))  # whole, but not noted
    (tmp_path / "2.jpg").write_bytes(encoded(2)[:-300])  # not whole
    assert run(server, tmp_path, "--count", 2, "--query", "cats") == 0
    with (tmp_path / "manifest.jsonl").open("a") as file:
        file.write('{"id": 9, "photogr')
    (tmp_path / "2.jpg").unlink()
    assert run(server, tmp_path, "--count", 3, "--query", "cats") == 0
    assert "/img/1.jpeg" not in server.asked
    assert server.asked["/img/2.jpeg"] == 2  # fetched, lost, and fetched again
    assert (tmp_path / "3.jpg").read_bytes() == encoded(3)
    assert sorted(Album(tmp_path, "large").entries) == [1, 2, 3]


@pytest.mark.parametrize(
    "fault",
    [
        says(503),
        says(429, headers={"Retry-After": "0"}),
        cut,
        says(200, b"no photo at all"),
        says(200, b"", length=0),
        says(200, b"\xff\xd8\xff\xe0 half", length=5000),
    ],
    ids=["503", "429", "cut", "text", "empty", "short"],
)
def test_what_fails_is_tried_again_and_then_listed(server, tmp_path, capsys, fault):
    server.ids = {"cats": [1, 2, 3]}
    server.answers = {"/img/1.jpeg": [fault] * 2, "/img/2.jpeg": [fault] * 99}
    assert run(server, tmp_path, "--count", 3, "--query", "cats", "--jobs", 1) == 1
    assert sorted(entry["id"] for entry in manifest(tmp_path)) == [1, 3]
    assert (server.asked["/img/1.jpeg"], server.asked["/img/2.jpeg"]) == (3, 4)
    assert "Photo 2 could not be fetched: " in capsys.readouterr().err
    assert not list(tmp_path.glob("*.part"))
    assert not (tmp_path / "2.jpg").exists()


def test_another_photo_takes_the_place_of_one_that_has_gone(server, tmp_path, capsys):
    server.ids = {"cats": [1, 2, 3, 4], "dogs": []}
    server.answers = {"/img/1.jpeg": [says(404)] * 9}
    assert run(server, tmp_path, "--count", 3, "--query", "cats", "dogs") == 0
    assert sorted(entry["id"] for entry in manifest(tmp_path)) == [2, 3, 4]
    assert server.asked["/img/1.jpeg"] == 1  # there is no use in asking again
    assert run(server, tmp_path, "--count", 5, "--query", "cats", "dogs") == 1
    assert "Pexels has no more of these" in capsys.readouterr().err


def test_redirects_are_followed_where_it_is_safe_and_the_key_stays(server, tmp_path, capsys):
    server.ids = {"cats": [1, 2, 3, 4]}
    server.answers = {
        "/img/1.jpeg": [says(302, headers={"Location": "/img/7.jpeg"})],
        "/img/2.jpeg": [says(302, headers={"Location": "http://photos.example/2.jpeg"})] * 9,
        "/img/3.jpeg": [says(302, headers={"Location": "file:///etc/passwd"})] * 9,
        "/img/4.jpeg": [says(302, headers={"Location": "/img/4.jpeg"})] * 99,
    }
    assert run(server, tmp_path, "--count", 4, "--query", "cats") == 1
    assert [entry["id"] for entry in manifest(tmp_path)] == [1]
    said = capsys.readouterr().err
    assert "http://photos.example/2.jpeg is not a https address" in said
    assert "/etc/passwd is not a https address" in said
    assert "redirects without end" in said


def test_the_key_goes_to_the_api_alone_and_is_never_shown(server, tmp_path, capsys, monkeypatch):
    sent = []
    client = https._client()
    send = client.send
    noted = lambda request, **how: sent.append(dict(request.headers)) or send(request, **how)  # noqa: E731
    monkeypatch.setattr(client, "send", noted)
    away = server.api.replace("127.0.0.1", "localhost")
    server.ids = {"cats": [1]}
    server.answers = {"cats 1": [says(307, headers={"Location": f"{away}/search?query=x&page=1"})]}
    assert run(server, tmp_path, "--count", 1, "--query", "cats") == 2  # answered 401 there
    (first, second) = sent
    assert KEY in str(first)
    assert KEY not in str(second)
    said = capsys.readouterr()
    assert KEY not in said.out + said.err
    assert "does not accept the key in PEXELS_API_KEY (401)" in said.err
    everything = [p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()]
    assert not any(KEY.encode() in data for data in everything)


# --- limits -----------------------------------------------------------------------------------


@pytest.fixture
def finder(server, tmp_path):
    server.ids = {"cats": list(range(1, 13))}
    said: list[str] = []
    made = PexelsSearch(server.api, KEY, tmp_path, said.append)
    made.said = said
    return made


def test_too_many_requests_are_waited_for_as_told(server, finder, slept):
    soon = str(int(https.now()) + 300)  # in whole seconds, as all that is told
    server.answers = {
        "cats 1": [
            says(429, headers={"Retry-After": "7"}),
            says(429, headers={"Retry-After": formatdate(https.now() + 100, usegmt=True)}),
            says(429, headers={"X-Ratelimit-Reset": soon}),
            says(429, headers={"X-Ratelimit-Reset": "20"}),
            says(429),
            says(429),
        ]
    }
    assert next(finder.find_photos("cats"))["id"] == 1
    assert slept == pytest.approx([7, 100, 300, 20, 60 * 16, 60 * 32], abs=2)
    assert len(finder.said) == 6
    assert "Pexels said: too many: waiting 7 s, until " in finder.said[0]
    assert "waiting 16 minutes" in finder.said[4]


def test_no_request_is_made_when_none_remains(server, finder, slept):
    soon = str(int(https.now()) + 90)
    server.headers = {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": soon}
    photos = finder.find_photos("cats")
    for _ in range(3):
        next(photos)
    assert not slept
    next(photos)
    assert slept == pytest.approx([90], abs=2)
    assert "has no requests left for this key" in finder.said[0]


def test_a_wait_for_the_next_month_is_left_to_the_user(server, finder, slept):
    month = str(int(https.now()) + 20 * 86400)
    server.headers = {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": month}
    with pytest.raises(PhotochromError, match=r"until .*: start the same command again then"):
        list(finder.find_photos("cats"))
    assert not slept


def test_the_hour_is_kept_even_over_several_starts(server, finder, slept, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "HOUR", 2)
    assert len(list(finder.find_photos("cats"))) == 12
    assert slept == pytest.approx([3600, 3600])
    server.ids["dogs"] = [50]
    again = PexelsSearch(server.api, KEY, tmp_path, finder.said.append)
    list(again.find_photos("dogs"))
    assert slept[2:] == pytest.approx([3600], abs=600)  # since the files of the first start


def test_a_search_that_fails_is_tried_again(server, finder, slept):
    server.answers = {"cats 1": [says(500), cut, says(200, b"<html>")]}
    assert len(list(finder.find_photos("cats"))) == 12
    server.answers = {"dogs 1": [says(502)] * 9}
    with pytest.raises(PhotochromError, match=r"does not answer the search \(error 502\): start"):
        list(finder.find_photos("dogs"))
    assert server.asked["dogs 1"] == 4


def test_a_server_that_always_gives_the_same_page_comes_to_an_end(server, finder, monkeypatch):
    same = json.dumps({"photos": [server.photo(1)], "next_page": "more"}).encode()
    server.answers = {f"cats {i}": [says(200, same)] for i in range(1, 9)}
    assert [photo["id"] for photo in finder.find_photos("cats")] == [1]
    assert server.asked.total() == 2


@pytest.mark.parametrize("body", [b"[]", b'{"photos": 3}', b'{"photos": [{"id": "x"}, 5, null]}'])
def test_an_answer_that_makes_no_sense_is_no_photo(server, finder, body, slept):
    server.answers = {"cats 1": [says(200, body)] * 9}
    if b"null" in body:
        assert list(finder.find_photos("cats")) == []
        return
    with pytest.raises(PhotochromError, match=r"does not answer the search \(the answer tells no"):
        list(finder.find_photos("cats"))


# --- stops ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stop_at_any_moment_leaves_whole_photos_and_goes_on(server, tmp_path, how):
    server.ids = {"cats": list(range(1, 25))}
    server.gate = threading.Semaphore(8)
    command = [sys.executable, "-m", "photochrom", "data", "pexels", "-o", str(tmp_path)]
    command += ["--api", server.api, "--count", "24", "--query", "cats", "--jobs", "3"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=commands.hear_ctrl_c
    )
    deadline = time.monotonic() + 300
    while photos_asked(server) < 8 + 3:  # which is all: of the three none is answered yet
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(how)
    server.gate.release(1_000_000)
    _, said = process.communicate(timeout=300)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "Interrupted." in said
        noted = {f"{entry['id']}.jpg" for entry in manifest(tmp_path)}
        assert noted == {path.name for path in tmp_path.glob("*.jpg")}
    assert 8 <= len(list(tmp_path.glob("*.jpg"))) <= 8 + 3
    assert run(server, tmp_path, "--count", 24, "--query", "cats") == 0
    assert {p.name for p in tmp_path.glob("*.jpg")} == {f"{i}.jpg" for i in range(1, 25)}
    assert photos_asked(server) <= 24 + 3


# --- bad requests -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "options", "words"),
    [
        (KEY, ["--count", 0], "--count is 0"),
        (KEY, ["--jobs", 99], "--jobs 99: give a count of 1 or more, and 1 to 32 jobs"),
        (KEY, ["--query", " "], "nothing to search for"),
        (KEY, ["--api", "http://example.org"], "is not a https address"),
        (KEY, ["--api", "ftp://localhost"], "is not a https address"),
        ("", [], "needs a key: get one at https"),
        ("a\nb", [], "does not hold a key"),
        ("wrong", [], "not accept the key"),
    ],
)
def test_bad_options_and_keys_have_a_sentence(
    server, out, capsys, monkeypatch, key, options, words
):
    monkeypatch.setenv("PEXELS_API_KEY", key)
    assert run(server, out, "--count", 1, *options) == 2
    assert words in capsys.readouterr().err


def test_a_bad_folder_has_a_sentence(server, tmp_path, capsys):
    server.ids = {"cats": [1]}
    (tmp_path / "file").write_text("")
    assert run(server, tmp_path / "file", "--count", 1) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert run(server, tmp_path / "out", "--count", 1, "--query", "cats") == 0
    assert run(server, tmp_path / "out", "--count", 1, "--size", "medium") == 1
    assert "holds photos of the size large: choose another --out" in capsys.readouterr().err


def test_a_server_that_is_not_there(tmp_path, server, capsys):
    assert run(server, tmp_path, "--count", 1, "--api", "http://127.0.0.1:9") == 1
    assert "127.0.0.1 does not answer the search (no whole answer" in capsys.readouterr().err


def test_a_missing_package_has_its_sentence(tmp_path):
    status, said = commands.run_without("httpx", "data", "pexels", "-o", tmp_path, "--count", 1)
    assert status == 1
    assert "pip install 'photochrom[fetch]'" in said


def test_a_full_disk_stops_it(server, tmp_path, capsys, monkeypatch):
    server.ids = {"cats": [1, 2, 3]}

    def full(target, make, **_):
        raise files.cannot_write(target, OSError(28, "No space left on device"))

    monkeypatch.setattr(files, "write_atomically", full)
    assert run(server, tmp_path, "--count", 3, "--query", "cats") == 1
    assert "make room, then go on" in capsys.readouterr().err


def test_what_is_too_large_is_not_read(server):
    server.answers = {"/v1/x": [says(200, b"x" * 5000), says(200, b"x" * 50, length=10**12)]}
    for _ in range(2):
        with pytest.raises(https.Unreachable, match="more than 1,000 bytes"):
            https.fetch_url(f"{server.api}/x", 1000, local=True)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost/a", False),
        ("http://example.org/a", True),
        ("file:///etc/passwd", True),
        ("https:///a", True),
    ],
)
def test_http_is_for_this_machine_only(url, local):
    https.check_url("https://images.pexels.com/a", local=False)
    https.check_url("http://localhost:80/a", local=True)
    with pytest.raises(BadOption, match="is not a https address"):
        https.check_url(url, local)
