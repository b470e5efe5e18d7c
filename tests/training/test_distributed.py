"""Training by several processes, on one machine and on what they take for two."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from photochrom.errors import BadData, BadOption
from photochrom.training import WAITING, spin_briefly
from photochrom.training.distributed import finish_together
from photochrom.training.sync_batchnorm import CpuSyncBatchNorm, sync_batch_norms
from photochrom.training.train import train


def start(arguments: list[str], **variables: str) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""} | variables
    command = [sys.executable, "-m", "torch.distributed.run", *arguments]
    return subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        _, said = process.communicate(timeout=600)
    finally:
        process.kill()
    return process.returncode, said


def two_machines(first: list[str], second: list[str], **options) -> list[tuple[int, str]]:
    """A process on each of two machines, which differ in nothing but what they are given."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = ["--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1"]
    launch += ["--master-port", str(port)]
    for name, value in options.items():
        launch += [f"--{name}", str(value)]
    machines = [
        start([*launch, "--node-rank", str(rank), *arguments])
        for rank, arguments in enumerate((first, second))
    ]
    return [ended(machine) for machine in machines]


def reported(run: Path, key: str = "loss") -> dict[int, float]:
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: line[key] for line in lines if key in line}


@pytest.mark.slow
@pytest.mark.parametrize("way", [{}, {"stream": True}], ids=["decoded", "streamed"])
def test_two_machines_have_the_curve_of_one_process(tiny, tmp_path, folder, command, way):
    """Each with photos, cache and batch norms of its own; only the first has the run."""
    one, both, never = (tmp_path / name for name in ("one", "both", "never"))
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    options = {"epochs": 2, "ema": 0.9, "validate_on": 3} | way
    train(*tiny(one, **options))
    for part in ({"epochs": 1}, {"epochs": 2, "resume": True}):
        answers = two_machines(
            command(both, **options | part),
            command(never, **options | part, data=elsewhere, cache=tmp_path / "cache"),
        )
        assert [code for code, _ in answers] == [0, 0], answers
    assert reported(both) == pytest.approx(reported(one), rel=1e-3)
    assert len(reported(both)) == 8
    for figure in ("val_psnr", "val_colourfulness"):  # of 3 photos, two here and one there
        assert reported(both, figure)[8] == pytest.approx(reported(one, figure)[8], rel=1e-2)
    assert not never.exists()


def test_photos_that_cannot_be_streamed_are_listed(tiny, tmp_path, folder):
    shutil.copytree(folder, tmp_path / "photos")
    (tmp_path / "photos" / "03.png").write_bytes(b"no photo")
    train(*tiny(tmp_path / "run", data=[tmp_path / "photos"], stream=True))
    told = (tmp_path / "run" / "unreadable.txt").read_text()
    assert "03.png: " in told
    assert told.count("\n") == 1
    for i in range(0, 20, 5):  # all that are held out
        (tmp_path / "photos" / f"{i:02d}.png").write_bytes(b"no photo")
    with pytest.raises(BadData, match=r"None of the photos held out .* can be read; .*00\.png"):
        train(*tiny(tmp_path / "other", data=[tmp_path / "photos"], stream=True))


KILLED = """
import os, signal
from photochrom.__main__ import start
from photochrom.training import train
step = train._step
where = os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]
def killed(run):
    if where == ("1", "0") and run.state.step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(run)
train._step = killed
start()
"""


@pytest.mark.slow
def test_a_killed_process_is_started_again_from_the_last_checkpoint(tiny, tmp_path, command):
    out, script = tmp_path / "run", tmp_path / "killed.py"
    script.write_text(KILLED)
    options = {"epochs": 2, "save_every": 0, "validate_every": 1000}  # 8 steps
    launch = ["--standalone", "--nproc-per-node", "2", "--max-restarts", "1", str(script)]
    _, _, *words = command(out, **options)
    code, said = ended(start([*launch, *words], TORCH_DISABLE_SHARE_RDZV_TCP_STORE="1"))
    assert code == 0, said
    assert "exitcode: -9" in said
    assert list(reported(out)) == list(range(1, 9))
    alone = tmp_path / "alone"
    train(*tiny(alone, epochs=1))
    assert list(reported(out).values())[:4] == pytest.approx(
        list(reported(alone).values()), rel=1e-2
    )


def test_restarts_that_could_not_succeed_are_refused_at_once(tiny, tmp_path, monkeypatch):
    settings = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_MAX_RESTARTS": "3"}
    for name, value in (settings | {"TORCHELASTIC_USE_AGENT_STORE": "True"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadOption, match="set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 for it"):
        train(*tiny(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


HANGING = """
import atexit, threading, time, torch
from photochrom.__main__ import start
from photochrom.training import distributed
torch.distributed.destroy_process_group = hang = lambda *_: threading.Event().wait()
atexit.register(hang)
say = distributed.say
distributed.say = lambda sentence: (time.sleep(2), say(sentence))
start()
"""


PARTS = {"epochs": 0.5, "freeze": "norm", "ema": 0.9, "accumulate": 2}


@pytest.fixture(scope="module")
def two(command, tmp_path_factory) -> tuple[Path, list[str]]:
    """A run of two processes, and how they were started.

    gloo may hang at the end, taken down by us or by the interpreter: here it does.
    """
    folder = tmp_path_factory.mktemp("two")
    (folder / "hanging.py").write_text(HANGING)
    _, _, *words = command(folder / "run", **PARTS)
    launch = ["--standalone", "--nproc-per-node", "2", str(folder / "hanging.py"), *words]
    code, said = ended(start(launch))
    assert code == 0, said
    return folder / "run", launch


def test_two_processes_make_in_parts_the_weights_that_one_makes(tiny, tmp_path, two):
    """With frozen batch norms, which would see a part at a time."""
    run, one = two[0], tmp_path / "one"
    train(*tiny(one, **PARTS | {"accumulate": 1}))
    assert list(reported(run)) == [1, 2]
    assert reported(run) == pytest.approx(reported(one), rel=1e-4)
    assert reported(run, "val_psnr") == pytest.approx(reported(one, "val_psnr"), abs=1e-3)
    mine = load_file(run / "model.safetensors")
    for name, value in load_file(one / "model.safetensors").items():
        torch.testing.assert_close(mine[name], value, rtol=1e-3, atol=2e-5)


@pytest.mark.slow
def test_who_has_a_word_to_say_is_waited_for(two):
    run, launch = two
    code, said = ended(start(launch))
    assert code == 1
    assert said.count(f"photochrom: {run} already holds a run") == 1


@pytest.mark.slow
def test_machines_with_other_settings_are_one_sentence(tmp_path, command):
    first, second = two_machines(
        command(tmp_path / "a", epochs=1), command(tmp_path / "b", epochs=2, lr=0.1)
    )
    assert first[0]
    assert second[0]
    sentence = "The machines were given different --epochs, --lr: start each with the same command."
    assert first[1].count(sentence) == 1
    assert sentence not in second[1]
    assert "Traceback (most recent call last):\n  File" not in first[1].partition(sentence)[0]


@pytest.mark.slow
def test_machines_with_other_photos_are_one_sentence(tmp_path, folder, command):
    fewer = shutil.copytree(folder, tmp_path / "fewer")
    (fewer / "19.png").unlink()
    first, second = two_machines(
        command(tmp_path / "a", epochs=1),
        command(tmp_path / "b", epochs=1, data=fewer, cache=tmp_path / "cache"),
    )
    assert first[0] != 0
    assert second[0] != 0
    assert "Process 0 has 20 photos (0 unreadable), process 1 has 19 (0)" in first[1]


def test_machines_with_other_numbers_of_processes_are_one_sentence(tiny, tmp_path, monkeypatch):
    for name, value in (("WORLD_SIZE", 5), ("LOCAL_WORLD_SIZE", 2), ("GROUP_WORLD_SIZE", 2)):
        monkeypatch.setenv(name, str(value))
    with pytest.raises(BadOption, match=r"5 processes on 2 machines, 2 of them here"):
        train(*tiny(tmp_path / "run"))


def test_waiting_threads_leave_the_cores_to_others_unless_told_otherwise(monkeypatch):
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    spin_briefly()
    assert "GOMP_SPINCOUNT" not in os.environ
    monkeypatch.delenv("OMP_WAIT_POLICY")
    spin_briefly()
    assert int(os.environ["GOMP_SPINCOUNT"]) < 10_000


# --- batch norms ------------------------------------------------------------------------------


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4))


def _between_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    store = torch.distributed.FileStore(f"{folder}/store", 2)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    network = _network()
    sync_batch_norms(network, [network[3]], torch.device("cpu"))
    network[3].eval()
    x = torch.randn(4, 3, 8, 8)
    parallel = nn.parallel.DistributedDataParallel(network)
    parallel(x[2 * rank : 2 * rank + 2]).square().mean().backward()
    kept = dict(network.state_dict())
    kept |= {f"{name}.grad": p.grad for name, p in network.named_parameters()}
    torch.save(kept, f"{folder}/{rank}.pt")
    finish_together(SimpleNamespace(world_size=2, global_rank=rank))
    os._exit(0)


@pytest.mark.slow
def test_shared_norms_are_those_of_the_whole_batch(tmp_path):
    torch.multiprocessing.spawn(_between_two, (str(tmp_path),), nprocs=2)
    network = _network()
    network[3].eval()
    network(torch.randn(4, 3, 8, 8)).square().mean().backward()
    expected = network.state_dict() | {f"{n}.grad": p.grad for n, p in network.named_parameters()}
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt")
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_which_norms_are_shared():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm2d(5), nn.Conv2d(5, 5, 1)))
    sync_batch_norms(network, [network[0]], torch.device("cpu"))
    assert type(network[0]) is nn.BatchNorm2d
    assert type(network[1][0]) is CpuSyncBatchNorm
    x, alone = torch.randn(2, 5, 4, 4), nn.BatchNorm2d(5).eval()
    assert torch.equal(CpuSyncBatchNorm.from_batch_norm(alone)(x), alone(x))
