"""Many photos on a cluster: each comes out once, even when a machine dies."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import digests, rows, run, unfinished

ray = pytest.importorskip("ray")
fsspec = pytest.importorskip("fsspec")

from photochrom.batch import ray_data, worker  # noqa: E402
from photochrom.batch.journal import Journal  # noqa: E402
from photochrom.batch.options import BatchOptions  # noqa: E402
from photochrom.batch.planning import Job  # noqa: E402
from photochrom.batch.ray_data import Task  # noqa: E402
from photochrom.batch.worker import Worker  # noqa: E402
from photochrom.errors import BadData, BadOption  # noqa: E402
from photochrom.image import tone  # noqa: E402

PLACES = ["a.png", "b.jpg", "c.tif", "d.png", "summer/e.png", "summer/sea/f.jpg"]


def url(path: Path) -> str:
    return f"file://{path}"


# --- what there is to do ----------------------------------------------------------------------


def test_paths_are_listed_as_for_one_machine(album, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for out, root in ((None, album), ("out", tmp_path / "out"), (str(tmp_path / "out"), None)):
        tasks = ray_data.listing(["album"], out)
        assert [task.photo for task in tasks] == [str(album / name) for name in PLACES]
        assert {task.root for task in tasks} == {str(root or tmp_path / "out")}
        assert all(Path(task.target).is_absolute() and not task.remote for task in tasks)


def test_urls_are_mirrored(album, out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.open(album / "d.png").save(album / "d.gif")
    (album / "d.png").unlink()
    for given, into in (
        (url(album), url(out)),
        (f"{url(album)}/", f"{url(out)}/"),
        (str(album), url(out)),
        (url(album), "out"),
    ):
        tasks = ray_data.listing([given], into)
        expected = [str(out / place.replace("d.", "d.gif.")) for place in PLACES]
        assert [task.target.removeprefix("file://") for task in tasks] == expected
        assert all(task.remote for task in tasks)
        assert {task.root.removeprefix("file://").rstrip("/") for task in tasks} == {str(out)}
    (one,) = ray_data.listing([url(album / "a.png")], url(out))
    assert one == Task(url(album / "a.png"), url(out / "a.png"), url(out))


def test_what_is_hidden_or_a_result_is_no_photo(album):
    for name in ("out/a.png", ".hidden/a.png", "summer/.x.png", ".photochrom/a.png"):
        (album / name).parent.mkdir(exist_ok=True)
        shutil.copy(album / "a.png", album / name)
    tasks = ray_data.listing([url(album)], url(album / "out"))
    assert len(tasks) == 6
    assert len(ray_data.listing([url(album)], url(album))) == 7


def test_two_photos_never_share_a_target(album, tmp_path):
    shutil.copytree(album, tmp_path / "other")
    both = [url(album / "a.png"), url(tmp_path / "other" / "a.png")]
    targets = [task.target for task in ray_data.listing(both, url(tmp_path / "out"))]
    assert targets == [url(tmp_path / "out" / name) for name in ("a.png", "a-other.png")]
    assert len(ray_data.listing(both[:1] * 2, url(tmp_path / "out"))) == 1


def test_a_folder_that_does_not_open_is_told_of(album, tmp_path, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("sea"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.chdir(tmp_path)
    for out in (url(tmp_path / "out"), str(tmp_path / "out"), None):
        *_, last = ray_data.listing(["album"], out)
        assert "sea cannot be searched (Permission denied)" in last.trouble


@pytest.mark.parametrize(
    ("given", "out", "words"),
    [
        (".", "out", "No photos in file://"),
        ("nosuch://a/b", "out", "nosuch://a/b cannot be looked at"),
        ("file:///tmp/x.jpg", None, "need a place for the results"),
    ],
)
def test_urls_that_cannot_be(given, out, words, tmp_path):
    given = url(tmp_path) if given == "." else given
    with pytest.raises((BadOption, BadData), match=words):
        ray_data.listing([given], out)


# --- one worker -------------------------------------------------------------------------------


@pytest.fixture
def do(model):
    def do(task: Task, **options):
        return ray_data._ColorizeActor(BatchOptions(model=str(model), **options))(task._asdict())

    return do


@pytest.fixture
def task(album, out) -> Task:
    """The first of the album, by URL."""
    return ray_data.listing([url(album)], url(out))[0]


def test_a_url_is_fetched_coloured_and_sent_once(album, out, tmp_path, model, task, do):
    first = do(task)
    assert (first["state"], first["results"]) == ("done", [task.target])
    worker, here = Worker(BatchOptions(model=str(model))), tmp_path / "here" / "a.png"
    assert worker(Job(album / "a.png", here), Journal(None)).state == "done"
    expected = digests(here.parent)
    assert digests(out) == expected
    assert do(task)["state"] == "skipped"
    Image.open(album / "a.png").rotate(180).save(album / "a.png")
    for options in ({}, {"strength": 0.5}):
        again = do(task, **options)
        assert again["state"] == "failed"
        assert "exists already" in again["words"]
    assert digests(out) == expected
    assert do(task, force=True)["state"] == "done"
    assert digests(out) != expected


def test_a_result_that_is_cut_off_on_its_way_does_not_appear(out, task, do, monkeypatch):
    def cut(read, write) -> None:
        data = read.read()
        if data[:8] == b"\x89PNG\r\n\x1a\n" and "result" in str(getattr(read, "name", read)):
            write.write(data[:100])
            raise ConnectionResetError(104, "Connection reset by peer")
        write.write(data)

    with monkeypatch.context() as patch:
        patch.setattr(ray_data.shutil, "copyfileobj", cut)
        failed = do(task)
    assert failed["state"] == "failed"
    assert "Connection reset by peer" in failed["words"]
    assert digests(out) == {}
    assert do(task)["state"] == "done"


def test_a_store_that_fails_in_its_own_way_costs_one_photo(task, do, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("NoSuchBucket")

    monkeypatch.setattr(ray_data, "_exists", fail)
    failed = do(task)
    assert (failed["state"], failed["words"]) == ("failed", f"{task.photo}: NoSuchBucket")


def test_a_photo_at_a_url_is_never_replaced(album, do):
    before = digests(album)
    tasks = ray_data.listing([url(album / "a.png")], url(album))
    tasks += ray_data.listing([str(album / "a.png")], url(album))
    tasks += ray_data.listing([url(album / "a.png")], str(album))
    for task in tasks:
        failed = do(task, force=True)
        assert failed["state"] == "failed"
        assert "is the photo itself" in failed["words"]
    assert digests(album) == before


def test_a_photo_at_a_url_that_is_bad_or_gone_is_named(album, tmp_path, do):
    (album / "a.png").write_bytes(b"bad")
    bad, gone, *_ = ray_data.listing([url(album)], url(tmp_path / "out"))
    (album / "b.jpg").unlink()
    told = do(bad)
    assert told["state"] == "failed"
    assert told["words"].startswith(f"{url(album / 'a.png')} is not a picture")
    assert do(gone)["state"] == "failed"
    assert gone.photo in do(gone)["words"]
    words = f"{bad.photo} cannot be searched"
    trouble = do(bad._replace(trouble=words))
    assert (trouble["state"], trouble["words"]) == ("failed", words)
    assert not list((tmp_path / "out").glob("*.*"))


def test_an_option_that_the_model_does_not_have_is_not_a_matter_of_the_photo(album, out, do):
    task, *_ = ray_data.listing([str(album)], str(out))
    assert do(task, vivid=0.5)["refused"]
    assert not do(task)["refused"]


def test_whatever_goes_wrong_with_a_path_costs_one_photo(album, out, do, monkeypatch):
    def broken(page):
        if page.source.name == "b.jpg":
            raise IndexError("list index out of range")
        return read(page)

    read = tone.measure_tone
    monkeypatch.setattr(tone, "measure_tone", broken)
    (album / "c.tif").write_bytes((album / "c.tif").read_bytes()[:90])
    told = [do(task) for task in ray_data.listing([str(album)], str(out))]
    assert [row["state"] for row in told] == ["done", "failed", "failed", *["done"] * 3]
    assert told[1]["error"].startswith("IndexError in image.tone.")
    assert told[2]["error"].startswith("BadPhoto in image.")
    assert not any(row["refused"] for row in told)


def test_a_photo_that_takes_too_long_is_given_up(album, out, do, monkeypatch):
    let_go, ended = threading.Event(), threading.Event()

    def hang(self, job, journal, turn):
        assert let_go.wait(60)
        try:
            return colour(self, job, journal, turn)
        finally:
            ended.set()

    task, *_ = ray_data.listing([str(album)], str(out))
    colour = Worker.__call__
    monkeypatch.setattr(Worker, "__call__", hang)
    late = do(task, timeout=1e-9)
    assert (late["state"], late["error"]) == ("failed", "TimeLimit")
    assert "a.png took more than 1e-09 s" in late["words"]
    let_go.set()
    assert ended.wait(60)
    assert not (out / "a.png").exists()
    assert do(task)["state"] == "done"


def test_versions_have_no_urls(task, model):
    with pytest.raises(BadOption, match="give --samples paths"):
        next(ray_data.run([task], BatchOptions(model=str(model), samples=2), "local"))


# --- all of them ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ray_here():
    """A cluster of two workers on this machine."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False, logging_level="ERROR")
    yield
    ray.shutdown()


def workers() -> list[int]:
    """Processes of this cluster that colour."""
    psutil = pytest.importorskip("psutil")
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline()[0].startswith("ray::MapWorker"):
                found.append(process.pid)
        except (psutil.Error, IndexError):
            continue
    return found


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing(tmp_path, model, ray_here):
    names = [f"{i:02}.png" for i in range(20)] + [os.fsdecode(b"caf\xe9.png"), "two\nlines.png"]
    (tmp_path / "album").mkdir()
    dice = np.random.default_rng(0)
    for name in names:
        small = Image.fromarray(dice.integers(0, 256, (6, 8), np.uint8))
        small.resize((1200, 900)).save(tmp_path / "album" / name)
    (tmp_path / "album" / "bad.png").write_bytes(b"bad")
    out, killed = tmp_path / "out", []

    def kill() -> None:
        while not digests(out):
            time.sleep(0.02)
        for pid in workers()[:1]:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    tasks = ray_data.listing([str(tmp_path / "album")], str(out))
    options = BatchOptions(model=str(model))
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    told = list(ray_data.run(tasks, options, "local", 2))
    killer.join()
    assert len(killed) == 1
    assert sorted(outcome.photo for outcome in told) == sorted(task.photo for task in tasks)
    states = [outcome.state for outcome in told]
    assert states.count("failed") == 1
    assert set(states) <= {"failed", "done", "skipped"}
    worker, known = Worker(options), Journal(out)
    assert set(digests(out)) == set(names)
    for name in names:
        photo, target = tmp_path / "album" / name, out / name
        expected = tmp_path / "expected.png"
        worker(Job(photo, expected), Journal(None))
        assert target.read_bytes() == expected.read_bytes()
        expected.unlink()
        assert known.find(photo, [target], worker.digest)
    assert not unfinished(out)
    again = [outcome.state for outcome in ray_data.run(tasks, options, "local", 2)]
    assert sorted(again) == ["failed"] + ["skipped"] * len(names)


@pytest.mark.slow
def test_by_the_command_line_with_urls(album, tmp_path, model, ray_here, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, report = tmp_path / "out", tmp_path / "report.csv"

    def colorize(*arguments: object) -> int:
        return run("colorize", *arguments, "--model", "toy.onnx", "--ray")

    asked = (url(album), "-o", url(out))
    assert colorize(*asked, "--report", report) == 0
    assert sorted(capsys.readouterr().out.split()) == [url(out / name) for name in PLACES]
    assert [row["state"] for row in rows(report).values()] == ["done"] * 6
    before = digests(out)
    (album / "bad.jpg").write_bytes(b"bad")
    assert colorize(*asked) == 1
    said = capsys.readouterr()
    assert not said.out
    assert "6 of 7 photos were done before." in said.err
    assert "1 of 7 photos failed." in said.err
    assert digests(out) == before
    assert colorize(album, "-o", tmp_path / "wrong", "--strength", 9) == 2
    assert "strength is 9" in capsys.readouterr().err


@pytest.mark.slow
def test_a_worker_that_cannot_begin_is_said(album, tmp_path, model, ray_here, monkeypatch, capfd):
    def vanish(_: str) -> None:
        Path(model).rename(tmp_path / "moved.onnx")

    monkeypatch.setattr(ray_data, "_connect", vanish)
    tasks = ray_data.listing([str(album)], str(tmp_path / "out"))
    with pytest.raises(
        worker.PhotochromError, match=r"gave up \(.*BadModel: .*toy.onnx is not a file"
    ):
        list(ray_data.run(tasks, BatchOptions(model=str(model)), "local"))
    assert "Traceback" not in capfd.readouterr().err


def test_where_no_cluster_is_that_is_said_soon(album, out, model, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{taken.getsockname()[1]}"
        for address in (closed, f"ray://{closed}", "127.0.0.1:99999"):
            start = time.monotonic()
            asked = ("colorize", album, "-o", out, "--model", model, "--ray", address)
            assert run(*asked) == 2
            assert time.monotonic() - start < 120  # not the many minutes that Ray waits by default
            assert f"No Ray cluster can be used at {address}" in capsys.readouterr().err


def test_absolute_options_name_the_same_files_from_anywhere(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = BatchOptions(model="toy.onnx", reference=Path("red.png")).absolute()
    assert (options.model, options.reference) == (str(model), tmp_path / "red.png")
    assert options.hints == ()
    assert BatchOptions(model="hintnet").absolute().model == "hintnet"


def test_a_note_of_what_is_done_is_never_written_through_a_link_nor_waited_for(tmp_path):
    (tmp_path / "photo.png").write_bytes(b"photo")
    (tmp_path / "mine.txt").write_text("precious")
    out = f"file://{tmp_path}/out"
    task = ray_data.Task(f"file://{tmp_path}/photo.png", f"{out}/photo.png", out)
    note = Path(ray_data._Done(task, "digest").path.removeprefix("file://"))
    note.parent.mkdir(parents=True)
    os.mkfifo(note)
    assert not ray_data._Done(task, "digest").begun
    note.unlink()
    note.symlink_to(tmp_path / "mine.txt")
    ray_data._Done(task, "digest").note()
    assert (tmp_path / "mine.txt").read_text() == "precious"
    assert ray_data._Done(task, "digest").begun
