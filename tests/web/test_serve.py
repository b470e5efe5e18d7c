"""``photochrom serve``: what it says, and how it ends."""

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
from pictures import decode, encode, halves, refused, send

from photochrom.cli.main import main
from photochrom.image.photo import Photo
from photochrom.image.writer import encode_photo
from photochrom.web import create_app
from photochrom.web.engine import Engine
from photochrom.web.server import LimitedConnection
from photochrom.web.services import ServerLimits

posix = pytest.mark.skipif(os.name != "posix", reason="signals")

HELD = """
import os, sys, time
from pathlib import Path
from photochrom.cli.main import main
from photochrom.web.process_pool import WorkerTask
go, tests, run = Path(sys.argv[1]), os.getppid(), WorkerTask.run
def held(*args, **kwargs):
    while not go.exists() and os.getppid() == tests:
        time.sleep(0.01)
    return run(*args, **kwargs)
WorkerTask.run = held
main(sys.argv[2:])
"""
STUCK = """
import sys
from functools import partial
sys.path.insert(0, sys.argv[1])
import poison
from photochrom.cli.main import main
from photochrom.web import photo_store, server
server.PATIENCE = 0.1
photo_store.summarize = partial(poison.hang, sys.argv[2])
main(sys.argv[3:])
"""


class Running:
    """``photochrom serve`` as a process of its own.

    With a ``script`` it is that, with what comes before the command.
    """

    def __init__(self, model: Path, folder: Path, *options: str, script: Sequence[str]) -> None:
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
def start(toy: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def start(*options: str, script: Sequence[str] = ()) -> Running:
        running.append(Running(toy, tmp_path, *options, script=script))
        return running[-1]

    yield start
    for one in running:
        one.client.close()
        one.process.kill()
        one.process.communicate()


@posix
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
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
    assert decode(answers[0]).shape == (1200, 1600, 3)
    out, said = server.process.communicate(timeout=300)
    assert server.process.returncode == (0 if how == signal.SIGINT else -signal.SIGTERM)
    assert (out, said) == ("", "")  # nothing of the photo is told
    assert list(server.temporary.iterdir()) == []
    assert {path.name for path in server.temporary.parent.iterdir()} == {"toy.onnx", "temporary"}


@posix
def test_photo_that_never_ends_does_not_keep_it_from_stopping(start, tmp_path_factory):
    fifo = tmp_path_factory.mktemp("stuck") / "fifo"
    os.mkfifo(fifo)
    server = start(script=(STUCK, str(Path(__file__).parent), str(fifo)))

    def ask() -> None:
        with suppress(httpx.TransportError):
            answer = server.client.post("/api/photos", files={"photo": b"photo"})
            assert answer.status_code == 503

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
    client = start("--max-megabytes", "1", "--max-megapixels", "0.1").client
    for size in (2_500_000, 30_000_000):
        answer = client.post("/api/photos", files={"photo": ("a.png", bytes(size))})
        assert refused(answer) == (413, "too-large")
    head = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
    kind = {"content-type": "multipart/form-data; boundary=x"}
    endless = iter([head, *[bytes(100_000)] * 300])
    answer = client.post("/api/photos", content=endless, headers=kind)
    assert refused(answer) == (413, "too-large")
    large = client.post("/api/photos", files={"photo": ("a.png", encode(halves(400, 300)))})
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

    def until(what: str) -> None:
        limit = time.monotonic() + 300
        while client.get("/api/health").json()[what]:
            assert time.monotonic() < limit
            time.sleep(0.005)

    try:
        with httpx.Client(base_url=address, timeout=300) as client:
            path = f"{address}/api/photos/{send(client)['id']}/colorize"
            working = threading.Thread(
                target=lambda: httpx.post(path, json={"side": 20}, timeout=300)
            )
            working.start()
            assert begun.wait(300)
            with pytest.raises(httpx.ReadTimeout):  # and the connection is shut
                httpx.post(path, json={"side": 20}, timeout=0.3)
            until("waiting")
            free.set()
            until("working")
            working.join()
    finally:
        free.set()
        server.should_exit = True
        thread.join()
    assert works == ["preview"]


# --- what is said and configured --------------------------------------------------------------


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What would be served."""
    configs: list[Any] = []
    monkeypatch.setattr(
        uvicorn.Server, "run", lambda self, sockets: configs.append((self.config, sockets[0]))
    )
    yield configs
    for _, listener in configs:
        listener.close()


@pytest.fixture
def run(toy: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs the command; the exit status, and what it says."""

    def run(*options: str) -> tuple[int, str]:
        given = [] if "--model" in options else ["--model", str(toy)]
        port = [] if "--port" in options else ["--port", "0"]
        with pytest.raises(SystemExit) as ended:
            main(["serve", *port, *given, *options])
        out, said = capfd.readouterr()
        assert out == ""
        return ended.value.code, said

    return run


def guard_of(config: uvicorn.Config) -> dict[str, Any]:
    (guard,) = (layer for layer in config.app.user_middleware if "hosts" in layer.kwargs)
    return guard.kwargs


def test_serve_says_where_it_is_and_nothing_else(served, run):
    told = run()
    ((config, listener),) = served
    host, port = listener.getsockname()
    assert host == "127.0.0.1"
    assert told == (0, f"photochrom: Open http://127.0.0.1:{port}/ (Ctrl-C ends).\n")
    assert listener.proto == socket.IPPROTO_TCP  # or asyncio would not send answers at once
    config.load()
    assert issubclass(config.http_protocol_class, LimitedConnection)
    assert config.ws_protocol_class is None
    assert not config.proxy_headers  # which would hide who has sent them


def test_allowed_hosts_are_known_and_told(served, run):
    named = ("--allowed-host", "Photos.example.org", "--allowed-host", "other.example.org")
    status, said = run(*named)
    assert status == 0
    assert guard_of(served[0][0])["hosts"] == {
        *("localhost", "127.0.0.1", "::1", "photos.example.org", "other.example.org")
    }
    assert "other.example.org, photos.example.org: open to other machines" in said
    assert "without a token" in said


@pytest.mark.parametrize("way", ["option", "variable", "file"])
def test_token_is_part_of_the_address(served, run, monkeypatch, tmp_path, way):
    options = ["--token", "a b&c"] if way == "option" else []
    if way == "variable":
        monkeypatch.setenv("PHOTOCHROM_TOKEN", "a b&c")
    if way == "file":
        (tmp_path / "token").write_text("a b&c\n")
        options = ["--token-file", str(tmp_path / "token")]
    status, said = run(*options)
    assert status == 0
    assert "/?token=a%20b%26c " in said
    assert guard_of(served[0][0])["token"] == "a b&c"


@pytest.mark.parametrize("token", [(), ("--token", "secret")])
def test_other_machines_are_let_in_only_if_asked_and_with_a_warning(served, run, token):
    status, said = run("--host", "0.0.0.0", *token)
    assert status == 0
    assert "open to other machines" in said
    assert ("without a token" in said) == (not token)


def test_browser_is_opened_if_asked_for(served, run, monkeypatch):
    opened, done = [], threading.Event()
    monkeypatch.setattr(webbrowser, "open", lambda address: [opened.append(address), done.set()])
    run("--open")
    assert done.wait(300)
    assert opened[0].startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("variable", "options"),
    [
        ("", []), ("ü", []), ("a", ["--token", "a"]), ("a", ["--token-file", "right"]),
        (None, ["--token", "a", "--token-file", "right"]), (None, ["--token-file", "none"]),
        (None, ["--token-file", "empty"]), (None, ["--token-file", "."]),
        (None, ["--token-file", "lines"]), (None, ["--token-file", "binary"]),
        (None, ["--token", ""]), (None, ["--token", "ü"]),
    ],
)  # fmt: skip
def test_doubtful_token_is_no_token(served, run, monkeypatch, tmp_path, variable, options):
    files = {"right": b"a", "empty": b"\n", "lines": b"secret\nmore", "binary": b"\xff\xfe"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    if variable is not None:
        monkeypatch.setenv("PHOTOCHROM_TOKEN", variable)
    status, said = run(*options)
    assert (status, said.count("\n")) == (2, 1)
    assert "oken" in said
    assert "secret" not in said
    assert not served


@pytest.mark.parametrize(
    ("options", "words"),
    [
        *[(["--allowed-host", name], "give it alone") for name in (
            "https://photos.example.org", "photos.example.org:8443", "*", "a/b", "", "a b")],
        (["--port", "70000"], "port"), (["--port", "-1"], "port"),
        (["--host", "no such host"], "choose another"), (["--host", "203.0.113.9"], "--host"),
        (["--max-megabytes", "0"], "mega"), (["--max-megapixels", "nan"], "mega"),
        (["--model", "no-such-model"], "model"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_one_sentence(served, run, options, words):
    status, said = run(*options)
    assert (status, said.count("\n")) == (2, 1)
    assert words in said
    assert "Traceback" not in said
    assert not served


def test_port_in_use_is_one_sentence(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, said = run("--port", port)
    assert (status, said.count("\n")) == (2, 1)
    assert port in said
    assert "choose another --port" in said


@pytest.mark.parametrize("package", ["uvicorn", "fastapi", "python_multipart"])
def test_missing_package_says_how_to_get_it(run, monkeypatch, package):
    for name in [name for name in sys.modules if name.startswith("photochrom.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert run() == (
        1,
        f"photochrom: This needs {package}, which is not installed: "
        "pip install 'photochrom[web]'.\n",
    )


def test_serve_costs_the_other_commands_nothing():
    code = (
        "import sys, photochrom.cli.main;"
        " print({'fastapi', 'uvicorn', 'pydantic'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"
