"""The command: what it says, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from album import halves, picture, pixels, send

from photochrom.cli.main import main
from photochrom.image.photo import Photo
from photochrom.image.writer import encode_photo
from photochrom.web import create_app
from photochrom.web.engine import Engine
from photochrom.web.server import LimitedConnection
from photochrom.web.services import ServerLimits

Start = Callable[..., Any]


HELD = """
import os, sys, time
from pathlib import Path
from photochrom.cli.main import main
from photochrom.web.process_pool import WorkerTask
go, tests, do = Path(sys.argv[1]), os.getppid(), WorkerTask.run
def held(*given, **options):
    while not go.exists() and os.getppid() == tests:
        time.sleep(0.01)
    return do(*given, **options)
WorkerTask.run = held
main(sys.argv[2:])
"""


STUCK = """
import sys
from functools import partial
sys.path.insert(0, sys.argv[1])
import poison
from photochrom.cli.main import main
from photochrom.web import server
from photochrom.web import photo_store
server.PATIENCE = 0.1
photo_store.summarize = partial(poison.hang, sys.argv[2])
main(sys.argv[3:])
"""


class Running:
    """``photochrom serve`` as a process of its own.

    With a ``script`` it is that, with what comes before the command.
    """

    def __init__(self, model: Path, folder: Path, *options: str, script: list[str]) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        run = ["-c", *script] if script else ["-m", "photochrom"]
        self.process = subprocess.Popen(
            [sys.executable, *run, "serve", "--port", "0", "--model", str(model), *options],
            env=os.environ | {"TMPDIR": str(self.temporary)},
            cwd=folder,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        said = self.process.stderr.readline()
        self.address = re.search(r"http://\S+", said)[0]
        self.client = httpx.Client(base_url=self.address, timeout=300)
        until = time.monotonic() + 300
        while True:
            try:
                self.client.get("/api/health")
                break
            except httpx.TransportError:
                assert time.monotonic() < until
                time.sleep(0.02)


@pytest.fixture
def start(toy: Path, tmp_path: Path) -> Iterator[Start]:
    running: list[Running] = []

    def start(*options: str, script: Sequence[str] = ()) -> Running:
        running.append(Running(toy, tmp_path, *options, script=list(script)))
        return running[-1]

    yield start
    for one in running:
        one.client.close()
        one.process.kill()
        one.process.communicate()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_told_to_stop_it_finishes_what_is_under_way_and_leaves_nothing(
    start, how, tmp_path_factory
):
    go = tmp_path_factory.mktemp("held") / "go"
    server, answers = start(script=(HELD, str(go))), []  # at work until it may go
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1600), np.uint8)
    data = encode_photo(Photo(noise), "TIFF")
    assert len(data) > 1 << 20  # over the part that is kept in memory

    def ask() -> None:
        answers.append(server.client.post("/api/colorize", files={"photo": ("large.tif", data)}))

    asking = threading.Thread(target=ask)
    asking.start()
    with httpx.Client(base_url=server.address, timeout=300) as other:
        while not other.get("/api/health").json()["working"]:
            assert asking.is_alive()
            time.sleep(0.005)
    server.process.send_signal(how)
    go.touch()
    asking.join(300)
    assert pixels(answers[0]).shape == (1200, 1600, 3)
    out, said = server.process.communicate(timeout=300)
    assert server.process.returncode == (0 if how == signal.SIGINT else -signal.SIGTERM)
    assert (out, said) == ("", "")  # nothing of the photo is told
    assert list(server.temporary.iterdir()) == []
    assert {path.name for path in server.temporary.parent.iterdir()} == {"toy.onnx", "temporary"}


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_photo_that_never_ends_does_not_keep_it_from_stopping(start, tmp_path_factory):
    fifo = tmp_path_factory.mktemp("stuck") / "fifo"
    os.mkfifo(fifo)
    server = start(script=(STUCK, str(Path(__file__).parent), str(fifo)))

    def ask() -> None:
        photo = {"photo": picture(halves(40, 30))}
        with suppress(httpx.TransportError):
            assert server.client.post("/api/photos", files=photo).status_code == 503

    asking = threading.Thread(target=ask)
    asking.start()
    with fifo.open() as heard:
        assert heard.readline() == "hanging\n"
        server.process.send_signal(signal.SIGINT)
        assert heard.read() == ""
    out, said = server.process.communicate(timeout=60)
    assert server.process.returncode == 0
    assert "Traceback" not in out + said
    asking.join()


def test_what_is_too_large_hears_so_even_while_it_is_still_sending(start):
    server = start("--max-megabytes", "1", "--max-megapixels", "0.1")
    for size in (2_500_000, 30_000_000):
        answer = server.client.post("/api/photos", files={"photo": ("a.png", bytes(size))})
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")

    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        for _ in range(300):
            yield bytes(100_000)

    kind = {"content-type": "multipart/form-data; boundary=x"}
    answer = server.client.post("/api/photos", content=endless(), headers=kind)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    large = server.client.post("/api/photos", files={"photo": ("a.png", picture(halves(400, 300)))})
    assert "0.1 megapixels" in large.json()["detail"]


def test_nothing_is_computed_for_a_client_that_hung_up(toy, monkeypatch):
    begun, free, works = threading.Event(), threading.Event(), []

    def slowly(*_: object) -> bytes:
        works.append("preview")
        begun.set()
        assert free.wait(300)
        return b""

    monkeypatch.setattr(Engine, "preview", slowly)
    app = create_app(model=toy, limits=ServerLimits(at_once=1))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    address = "http://{}:{}".format(*listener.getsockname())

    def until(what: Callable[[dict[str, Any]], bool]) -> None:
        limit = time.monotonic() + 300
        while not what(client.get("/api/health").json()):
            assert time.monotonic() < limit
            time.sleep(0.005)

    try:
        with httpx.Client(base_url=address, timeout=300) as client:
            key = send(client, picture(halves(40, 30)))["id"]
            path = f"/api/photos/{key}/colorize"
            working = threading.Thread(
                target=lambda: httpx.post(address + path, json={"side": 20}, timeout=300)
            )
            working.start()
            assert begun.wait(300)
            with pytest.raises(httpx.ReadTimeout):  # and the connection is shut
                httpx.post(address + path, json={"side": 20}, timeout=0.3)
            until(lambda health: health["waiting"] == 0)
            free.set()
            until(lambda health: health["working"] == 0)
            working.join()
    finally:
        free.set()
        server.should_exit = True
        thread.join()
    assert works == ["preview"]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would be served."""
    configs: list[Any] = []
    monkeypatch.setattr(
        uvicorn.Server, "run", lambda self, sockets: configs.append((self.config, sockets[0]))
    )
    yield configs
    for _, listener in configs:
        listener.close()


def run(*options: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["serve", *options])
    return ended.value.code


def test_behind_a_proxy_it_is_known_by_more_names(served, toy, capfd):
    named = ("--allowed-host", "Photos.example.org", "--allowed-host", "other.example.org")
    assert run("--port", "0", "--model", str(toy), *named) == 0
    ((config, _),) = served
    assert not config.proxy_headers  # which would hide who has sent them
    (guard,) = (layer for layer in config.app.user_middleware if "hosts" in layer.kwargs)
    assert guard.kwargs["hosts"] == {
        *("localhost", "127.0.0.1", "::1", "photos.example.org", "other.example.org")
    }
    said = capfd.readouterr().err
    assert "other.example.org, photos.example.org: open to other machines" in said
    assert "without a token" in said


@pytest.mark.parametrize(
    "name", ["https://photos.example.org", "photos.example.org:8443", "*", "a/b", "", "a b"]
)
def test_what_is_no_name_of_a_host_is_refused(served, toy, capfd, name):
    assert run("--port", "0", "--model", str(toy), "--allowed-host", name) == 2
    assert "give it alone" in capfd.readouterr().err
    assert not served


def test_it_says_where_it_is_and_nothing_else(served, toy, capfd):
    assert run("--port", "0", "--model", str(toy)) == 0
    ((_, listener),) = served
    assert listener.getsockname()[0] == "127.0.0.1"
    port = listener.getsockname()[1]
    out, said = capfd.readouterr()
    assert (out, said) == ("", f"photochrom: Open http://127.0.0.1:{port}/ (Ctrl-C ends).\n")


@pytest.mark.parametrize("way", ["option", "variable", "file"])
def test_a_token_is_part_of_the_address(served, toy, capfd, monkeypatch, tmp_path, way):
    options = ["--token", "a b&c"] if way == "option" else []
    if way == "variable":
        monkeypatch.setenv("PHOTOCHROM_TOKEN", "a b&c")
    if way == "file":
        (tmp_path / "token").write_text("a b&c\n")
        options = ["--token-file", str(tmp_path / "token")]
    assert run("--port", "0", "--model", str(toy), *options) == 0
    assert "/?token=a%20b%26c " in capfd.readouterr().err
    ((config, _),) = served
    (guard,) = (layer for layer in config.app.user_middleware if "hosts" in layer.kwargs)
    assert guard.kwargs["token"] == "a b&c"


@pytest.mark.parametrize(
    ("variable", "options"),
    [
        ("", []), ("ü", []), ("a", ["--token", "a"]), ("a", ["--token-file", "right"]),
        (None, ["--token", "a", "--token-file", "right"]), (None, ["--token-file", "none"]),
        (None, ["--token-file", "empty"]), (None, ["--token-file", "."]),
        (None, ["--token-file", "lines"]), (None, ["--token-file", "binary"]),
    ],
)  # fmt: skip
def test_a_token_that_is_doubtful_is_no_token(
    served, toy, capfd, monkeypatch, tmp_path, variable, options
):
    files = {"right": b"a", "empty": b"\n", "lines": b"secret\nmore", "binary": b"\xff\xfe"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    if variable is not None:
        monkeypatch.setenv("PHOTOCHROM_TOKEN", variable)
    assert run("--port", "0", "--model", str(toy), *options) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "oken" in said
    assert "secret" not in said
    assert not served


def test_an_answer_is_sent_at_once(served, toy):
    """Which asyncio sees to where it knows that a socket is TCP."""
    assert run("--port", "0", "--model", str(toy)) == 0
    ((_, listener),) = served
    assert listener.proto == socket.IPPROTO_TCP


def test_clients_are_held_to_their_time_whatever_else_is_installed(served, toy):
    assert run("--port", "0", "--model", str(toy)) == 0
    ((config, _),) = served
    config.load()
    assert issubclass(config.http_protocol_class, LimitedConnection)
    assert config.ws_protocol_class is None


@pytest.mark.parametrize("token", [None, "secret"])
def test_other_machines_are_let_in_only_if_asked_and_with_a_warning(served, toy, capfd, token):
    options = [] if token is None else ["--token", token]
    assert run("--host", "0.0.0.0", "--port", "0", "--model", str(toy), *options) == 0
    said = capfd.readouterr().err
    assert "open to other machines" in said
    assert ("without a token" in said) == (token is None)


def test_the_browser_is_opened_if_asked_for(served, toy, monkeypatch):
    opened, done = [], threading.Event()

    def open_it(address: str) -> None:
        opened.append(address)
        done.set()

    monkeypatch.setattr(webbrowser, "open", open_it)
    run("--port", "0", "--model", str(toy), "--open")
    assert done.wait(300)
    assert opened[0].startswith("http://127.0.0.1:")


def test_a_port_in_use_is_one_sentence(toy, capfd):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert run("--port", port, "--model", str(toy)) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert port in said
    assert "choose another --port" in said


@pytest.mark.parametrize(
    "options",
    [
        ["--port", "70000"], ["--port", "-1"], ["--host", "no such host"],
        ["--host", "203.0.113.9"],
        ["--max-megabytes", "0"], ["--max-megapixels", "nan"], ["--token", ""], ["--token", "ü"],
        ["--model", "no-such-model"],
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_one_sentence(served, toy, capfd, options):
    given = options if "--model" in options else [*options, "--model", str(toy)]
    assert run(*given) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "Traceback" not in said
    assert not served


@pytest.mark.parametrize("package", ["uvicorn", "fastapi", "python_multipart"])
def test_a_missing_package_says_how_to_get_it(monkeypatch, capfd, package):
    for name in [name for name in sys.modules if name.startswith("photochrom.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert run() == 1
    said = capfd.readouterr().err
    assert said == (
        f"photochrom: This needs {package}, which is not installed: "
        "pip install 'photochrom[web]'.\n"
    )


def test_the_command_costs_the_others_nothing():
    code = (
        "import sys, photochrom.cli.main;"
        " print({'fastapi', 'uvicorn', 'pydantic'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"
