"""``photochrom serve`` as a process: what it does with requests under way, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest
from pictures import decode, encode, halves, refused

from photochrom.image.photo import Photo
from photochrom.image.writer import encode_photo

posix = pytest.mark.skipif(os.name != "posix", reason="signals")

HELD = """
import os, sys, time
from pathlib import Path
from photochrom.cli.main import main
from photochrom.web import server
from photochrom.web.process_pool import WorkerTask
server.PATIENCE = 300  # a busy machine may take longer than anybody waits
go, tests, run = Path(sys.argv[1]), os.getppid(), WorkerTask.run
def held(*args, **kwargs):
    while args[1].__name__ == "colorize_file" and not go.exists() and os.getppid() == tests:
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


class Running(NamedTuple):
    process: subprocess.Popen[str]
    client: httpx.Client
    temporary: Path


@pytest.fixture
def start(toy: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Runs ``photochrom serve``; with a ``script`` that, with what comes before the command."""
    with ExitStack() as stack:

        def start(*options: str, script: Sequence[str] = ()) -> Running:
            temporary = tmp_path / "temporary"
            temporary.mkdir()
            run = ["-c", *script] if script else ["-m", "photochrom"]
            process = subprocess.Popen(
                [sys.executable, *run, "serve", "--port", "0", "--model", str(toy), *options],
                env=os.environ | {"TMPDIR": str(temporary)},
                cwd=tmp_path,
                stderr=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            address = re.search(r"http://\S+", process.stderr.readline())[0]
            transport = httpx.HTTPTransport(retries=9)  # it says so a moment before it listens
            client = httpx.Client(base_url=address, timeout=300, transport=transport)
            return Running(process, stack.enter_context(client), temporary)

        yield start


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
    while not server.client.get("/api/health").json()["working"]:
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
def test_photo_that_never_ends_does_not_keep_it_from_stopping(start, fifo):
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
