"""``photochrom serve``: what it says and configures."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import commands
from photochrom.web.server import LimitedConnection


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
        given = () if "--model" in options else ("--model", toy)
        port = () if "--port" in options else ("--port", "0")
        status = commands.run("serve", *port, *given, *options)
        out, said = capfd.readouterr()
        assert out == ""
        return status, said

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


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ("--host 0.0.0.0", "0.0.0.0"),
        ("--allowed-host B.example --allowed-host a.example", "a.example, b.example"),
    ],
)
@pytest.mark.parametrize("token", [(), ("--token", "secret")])
def test_other_machines_are_let_in_only_if_asked_and_with_a_warning(
    served, run, options, places, token
):
    status, said = run(*options.split(), *token)
    assert status == 0
    assert f"{places}: open to other machines" in said
    assert ("without a token" in said) == (not token)
    name = socket.gethostname().lower()
    own = {name, f"{name}.local"} if "--host" in options else set()
    known = {"localhost", "127.0.0.1", "::1", *places.split(", ")}
    assert guard_of(served[0][0])["hosts"] == known | own


def test_path_proxies_and_workers_reach_the_server(served, run):
    options = {"--root-path": "colour/", "--trust-proxy": "10.0.0.0/24", "--workers": "3"}
    status, said = run(*(word for option in options.items() for word in option))
    ((config, listener),) = served
    assert status == 0
    assert f":{listener.getsockname()[1]}/colour/ " in said
    guard = guard_of(config)
    assert guard["root_path"] == "/colour"
    config.load()
    for proxies in (guard["proxies"], config.http_protocol_class.proxies):
        assert "10.0.0.9" in proxies
        assert "10.0.1.9" not in proxies
    assert config.app.state.services.limits.at_once == 3


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


def test_browser_is_opened_if_asked_for(served, run, monkeypatch):
    opened, done = [], threading.Event()
    monkeypatch.setattr(webbrowser, "open", lambda address: [opened.append(address), done.set()])
    run("--open")
    assert done.wait(300)
    assert opened[0].startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("variable", "options", "words"),
    [
        *[(None, ["--allowed-host", name], "give it alone") for name in (
            "https://photos.example.org", "photos.example.org:8443", "*", "a/b", "", "a b")],
        (None, ["--port", "70000"], "port"), (None, ["--port", "-1"], "port"),
        (None, ["--host", "no such host"], "choose another"),
        (None, ["--host", "203.0.113.9"], "--host"), (None, ["--max-megabytes", "0"], "mega"),
        (None, ["--max-megapixels", "nan"], "mega"), (None, ["--model", "no-such-model"], "model"),
        *[(None, ["--root-path", path], "--root-path") for path in (
            "/api", "static/a", "/a//b", "/..", "/ü", "https://a.example/b")],
        (None, ["--trust-proxy", "proxy.example"], "10.0.0.5"),
        (None, ["--workers", "0"], "--workers"),
        *[(variable, [], "oken") for variable in ("", "ü")],
        *[(None, ["--token", token], "oken") for token in ("", "ü")],
        *[(None, ["--token-file", file], "oken") for file in (
            "none", "empty", ".", "lines", "binary")],
        ("a", ["--token", "a"], "oken"), ("a", ["--token-file", "right"], "oken"),
        (None, ["--token", "a", "--token-file", "right"], "oken"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_one_sentence(
    served, run, monkeypatch, tmp_path, variable, options, words
):
    files = {"right": b"a", "empty": b"\n", "lines": b"secret\nmore", "binary": b"\xff\xfe"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    if variable is not None:
        monkeypatch.setenv("PHOTOCHROM_TOKEN", variable)
    status, said = run(*options)
    assert (status, said.count("\n")) == (2, 1)
    assert words in said
    assert "Traceback" not in said
    assert "secret" not in said
    assert not served


def test_port_in_use_is_one_sentence(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, said = run("--port", port)
    assert (status, said.count("\n")) == (2, 1)
    assert f"port {port}" in said
    assert "choose another --port" in said


def test_serve_costs_the_other_commands_nothing():
    code = "import sys, photochrom.cli.main; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not {"fastapi", "uvicorn", "pydantic"} & set(loaded)
