"""Many photos on a cluster: each comes out once, even when a machine dies."""

from __future__ import annotations

import contextlib
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

from commands import PLACES, digests, raising, rows, run, unfinished, wait_for

ray = pytest.importorskip("ray")
fsspec = pytest.importorskip("fsspec")

from photochrom.batch import ray_data  # noqa: E402
from photochrom.batch.journal import Journal  # noqa: E402
from photochrom.batch.options import BatchOptions  # noqa: E402
from photochrom.batch.planning import Job  # noqa: E402
from photochrom.batch.ray_data import Task  # noqa: E402
from photochrom.batch.worker import Worker  # noqa: E402
from photochrom.errors import BadData, BadOption, PhotochromError  # noqa: E402
from photochrom.image import tone  # noqa: E402


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
    (album / "d.png").rename(album / "d.gif")
    expected = [str(out / place.replace("d.", "d.gif.")) for place in PLACES]
    for given, into in (
        (url(album), url(out)), (f"{url(album)}/", f"{url(out)}/"), (str(album), url(out)),
        (url(album), "out"),
    ):  # fmt: skip
        tasks = ray_data.listing([given], into)
        assert [task.target.removeprefix("file://") for task in tasks] == expected
        assert all(task.remote for task in tasks)
        assert {task.root.removeprefix("file://").rstrip("/") for task in tasks} == {str(out)}
    (one,) = ray_data.listing([url(album / "a.png")], url(out))
    assert one == Task(url(album / "a.png"), url(out / "a.png"), url(out))


def test_what_is_hidden_or_a_result_is_no_photo(album):
    for name in ("out/a.png", ".hidden/a.png", "summer/.x.png", ".photochrom/a.png"):
        (album / name).parent.mkdir(exist_ok=True)
        shutil.copy(album / "a.png", album / name)
    assert len(ray_data.listing([url(album)], url(album / "out"))) == 6
    assert len(ray_data.listing([url(album)], url(album))) == 7


def test_two_photos_never_share_a_target(album, tmp_path, out):
    shutil.copytree(album, tmp_path / "other")
    both = [url(album / "a.png"), url(tmp_path / "other" / "a.png")]
    targets = [task.target for task in ray_data.listing(both, url(out))]
    assert targets == [url(out / name) for name in ("a.png", "a-other.png")]
    assert len(ray_data.listing(both[:1] * 2, url(out))) == 1


def test_a_folder_that_does_not_open_is_told_of(album, out, monkeypatch):
    refuse = raising(PermissionError(13, "Permission denied", str(album)))
    monkeypatch.setattr(os, "scandir", refuse)
    for into in (url(out), str(out), None):
        (task,) = ray_data.listing([str(album)], into)
        assert "album cannot be searched (Permission denied)" in task.trouble


@pytest.mark.parametrize(
    ("given", "out", "words"),
    [
        ("file://EMPTY", "out", "No photos in file://"),
        ("nosuch://a/b", "out", "nosuch://a/b cannot be looked at"),
        ("file:///tmp/x.jpg", None, "need a place for the results"),
    ],
)
def test_urls_that_cannot_be(given, out, words, tmp_path):
    with pytest.raises((BadOption, BadData), match=words):
        ray_data.listing([given.replace("EMPTY", str(tmp_path))], out)


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
    copy = shutil.copyfileobj

    def cut(read, write) -> None:
        if "result" not in str(getattr(read, "name", read)):
            return copy(read, write)
        write.write(read.read(100))
        raise ConnectionResetError(104, "Connection reset by peer")

    with monkeypatch.context() as patch:
        patch.setattr(ray_data.shutil, "copyfileobj", cut)
        failed = do(task)
    assert failed["state"] == "failed"
    assert "Connection reset by peer" in failed["words"]
    assert digests(out) == {}
    assert do(task)["state"] == "done"


def test_a_store_that_fails_in_its_own_way_costs_one_photo(task, do, monkeypatch):
    monkeypatch.setattr(ray_data, "_exists", raising(RuntimeError("NoSuchBucket")))
    failed = do(task)
    assert (failed["state"], failed["words"]) == ("failed", f"{task.photo}: NoSuchBucket")


def test_a_photo_at_a_url_is_never_replaced(album, do):
    before, photo = digests(album), album / "a.png"
    for given, into in (
        (url(photo), url(album)), (str(photo), url(album)), (url(photo), str(album)),
    ):  # fmt: skip
        (task,) = ray_data.listing([given], into)
        failed = do(task, force=True)
        assert failed["state"] == "failed"
        assert "is the photo itself" in failed["words"]
    assert digests(album) == before


def test_a_photo_at_a_url_that_is_bad_or_gone_is_named(album, out, do):
    (album / "a.png").write_bytes(b"bad")
    bad, gone, *_ = ray_data.listing([url(album)], url(out))
    (album / "b.jpg").unlink()
    words = f"{bad.photo} cannot be searched"
    for task, expected in (
        (bad, f"{bad.photo} is not a picture"), (gone, gone.photo),
        (bad._replace(trouble=words), words),
    ):  # fmt: skip
        told = do(task)
        assert told["state"] == "failed"
        assert told["words"].startswith(expected)
    assert not list(out.glob("*.*"))


def test_an_option_that_the_model_does_not_have_is_not_a_matter_of_the_photo(album, out, do):
    task, *_ = ray_data.listing([str(album)], str(out))
    assert do(task, vivid=0.5)["refused"]
    assert not do(task)["refused"]


def test_whatever_goes_wrong_with_a_path_costs_one_photo(album, out, do, monkeypatch):
    def broken(page):
        if page.source.name == "b.jpg":
            raise IndexError("list index out of range")
        return measure(page)

    measure = tone.measure_tone
    monkeypatch.setattr(tone, "measure_tone", broken)
    (album / "c.tif").write_bytes((album / "c.tif").read_bytes()[:90])
    told = [do(task) for task in ray_data.listing([str(album)], str(out))]
    assert [row["state"] for row in told] == ["done", "failed", "failed", *["done"] * 3]
    assert told[1]["error"].startswith("IndexError in image.tone.")
    assert told[2]["error"].startswith("BadPhoto in image.")
    assert not any(row["refused"] for row in told)


def test_a_photo_that_takes_too_long_is_given_up(album, out, do, monkeypatch):
    let_go, ended = threading.Event(), threading.Event()
    color = Worker.__call__

    def hang(*given):
        assert let_go.wait(60)
        try:
            return color(*given)
        finally:
            ended.set()

    task, *_ = ray_data.listing([str(album)], str(out))
    monkeypatch.setattr(Worker, "__call__", hang)
    late = do(task, timeout=1e-9)
    assert (late["state"], late["error"]) == ("failed", "TimeLimit")
    assert "a.png took more than 1e-09 s" in late["words"]
    let_go.set()
    assert ended.wait(60)
    assert not (out / "a.png").exists()
    assert do(task)["state"] == "done"


def test_versions_have_no_urls(task, model):
    with pytest.raises(BadOption, match="--samples does not work with URLs"):
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
        with contextlib.suppress(psutil.Error, IndexError):
            if process.cmdline()[0].startswith("ray::MapWorker"):
                found.append(process.pid)
    return found


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing(tmp_path, out, model, ray_here):
    names = [f"{i:02}.png" for i in range(20)] + [os.fsdecode(b"caf\xe9.png"), "two\nlines.png"]
    folder, killed = tmp_path / "album", []
    folder.mkdir()
    dice = np.random.default_rng(0)
    for name in names:
        small = Image.fromarray(dice.integers(0, 256, (6, 8), np.uint8))
        small.resize((1200, 900)).save(folder / name)
    (folder / "bad.png").write_bytes(b"bad")

    def kill() -> None:
        wait_for(lambda: digests(out))
        for pid in workers()[:1]:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    tasks, options = ray_data.listing([str(folder)], str(out)), BatchOptions(model=str(model))
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
    for name in names:
        worker(Job(folder / name, tmp_path / "expected" / name), Journal(None))
        assert known.find(folder / name, [out / name], worker.digest)
    assert digests(out) == digests(tmp_path / "expected")
    assert digests(out).keys() == set(names)
    assert not unfinished(out)
    again = [outcome.state for outcome in ray_data.run(tasks, options, "local", 2)]
    assert sorted(again) == ["failed"] + ["skipped"] * len(names)


@pytest.mark.slow
def test_by_the_command_line_with_urls(album, out, tmp_path, model, ray_here, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = tmp_path / "report.csv"
    asked = ("colorize", url(album), "-o", url(out), "--model", "toy.onnx", "--ray")
    assert run(*asked, "--report", report) == 0
    assert sorted(capsys.readouterr().out.split()) == [url(out / name) for name in PLACES]
    assert [row["state"] for row in rows(report).values()] == ["done"] * 6
    before = digests(out)
    (album / "bad.jpg").write_bytes(b"bad")
    assert run(*asked) == 1
    said = capsys.readouterr()
    assert not said.out
    assert "6 of 7 photos were done before." in said.err
    assert "1 of 7 photos failed." in said.err
    assert digests(out) == before
    assert run(*asked, "--strength", 9) == 2
    assert "strength is 9" in capsys.readouterr().err


@pytest.mark.slow
def test_a_worker_that_cannot_begin_is_said(album, out, model, ray_here, monkeypatch, capfd):
    monkeypatch.setattr(ray_data, "_connect", lambda _: model.rename(model.with_stem("moved")))
    tasks = ray_data.listing([str(album)], str(out))
    words = r"gave up \(.*BadModel: .*toy.onnx is not a file"
    with pytest.raises(PhotochromError, match=words):
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


def test_a_note_of_what_is_done_is_never_written_through_a_link_nor_waited_for(tmp_path, task):
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    note = Path(ray_data._Done(task, "digest").path.removeprefix("file://"))
    note.parent.mkdir(parents=True)
    os.mkfifo(note)
    assert not ray_data._Done(task, "digest").begun
    note.unlink()
    note.symlink_to(mine)
    ray_data._Done(task, "digest").note()
    assert mine.read_text() == "precious"
    assert ray_data._Done(task, "digest").begun
