from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from photochrom.errors import BadData, BadOption, BadRun, CannotWrite, Diverged
from photochrom.training import run_folder
from photochrom.training import train as module
from photochrom.training.models.efficientnet import Encoder
from photochrom.training.presets import PRESETS, Experiment
from photochrom.training.setup import set_up
from photochrom.training.train import train

# One run of 8 steps, whole: what resumed and divided runs are compared with.
WHOLE = {"epochs": 2, "ema": 0.9, "optimizer": "adamw", "weight_decay": 0.01, "warmup": 3}


def lines(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def losses(run: Path) -> dict[int, float]:
    reports = [(line["step"], line["loss"]) for line in lines(run) if "loss" in line]
    assert len(reports) == len(dict(reports))  # no step twice
    return dict(reports)


def weights(run: Path, name: str = "model") -> dict[str, torch.Tensor]:
    return load_file(run / f"{name}.safetensors")


def assert_equal(one: Path, other: Path, name: str = "checkpoint") -> None:
    torch.testing.assert_close(weights(one, name), weights(other, name), rtol=0, atol=0)


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    figures = train(*tiny(out, **WHOLE, validate_every=3))
    assert set(figures) == {"val_psnr", "val_colourfulness", "val_dead"}
    return out


def test_a_run_leaves_what_it_promises(whole):
    promised = {"config.json", "metrics.jsonl", "validation.jsonl", "model.safetensors"}
    promised |= {"checkpoint.safetensors", "samples", "unreadable.txt", "probe.safetensors"}
    assert {path.name for path in whole.iterdir()} == promised
    assert (whole / "unreadable.txt").read_text() == ""
    _, data = run_folder.load_config(whole)
    assert (data["training_photos"], data["validation_photos"]) == (16, 4)  # as the index says
    sheets = sorted(path.name for path in (whole / "samples").iterdir())
    assert sheets == ["step-000003.jpg", "step-000006.jpg", "step-000008.jpg"]
    with Image.open(whole / "samples" / sheets[0]) as sheet:
        assert sheet.width > sheet.height > 160


def test_what_is_reported(whole):
    curve = losses(whole)
    assert list(curve) == [1, 2, 3, 4, 5, 6, 7, 8]
    validated = [line for line in lines(whole) if "val_psnr" in line]
    assert [line["step"] for line in validated] == [3, 6, 8]
    assert all(5 < line["val_psnr"] < 40 for line in validated)
    rates = [line["lr"] for line in lines(whole) if "lr" in line]
    assert rates == pytest.approx([1e-3 / 3, 2e-3 / 3, *[1e-3] * 6])
    reports = [line for line in lines(whole) if "loss" in line]
    assert [line["epoch"] for line in reports] == [i / 4 for i in range(1, 9)]
    assert all(line["photos_per_second"] > 0 for line in reports)
    peaks = [line["peak_bytes"] for line in validated]
    assert peaks == sorted(peaks)
    assert 50e6 < peaks[0] < 100e9


def test_the_most_memory_is_that_of_the_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 7)
    assert module.peak_memory(torch.device("cuda")) == {"peak_bytes": 7}
    before = module.peak_memory(torch.device("cpu"))["peak_bytes"]
    held = np.ones(before // 8 + 2**22)
    assert module.peak_memory(torch.device("cpu"))["peak_bytes"] > max(before, held.nbytes)
    monkeypatch.setattr(sys, "platform", "win32")
    assert module.peak_memory(torch.device("cpu")) == {}


def test_it_learns(tiny, out):
    train(*tiny(out, epochs=10, lr=3e-3))
    curve = list(losses(out).values())
    assert np.mean(curve[-5:]) < 0.8 * np.mean(curve[:5])


def test_another_seed_makes_another_run(whole, tiny, out):
    """That the same makes the same, all that is resumed below shows."""
    train(*tiny(out, **WHOLE | {"epochs": 0.25}, seed=1))
    assert losses(out)[1] != losses(whole)[1]


PICTURES = {"perceptual": 1.0, "perceptual_from": 0.25, "adversarial": 0.5, "adversarial_from": 0.5}


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        (WHOLE, 5),  # in the middle of an epoch
        (WHOLE | {"schedule": "cosine"}, 5),
        (WHOLE | {"stream": True}, 5),
        (PICTURES | {"adversarial_from": 0.0, "epochs": 1.5}, 3),  # the discriminator too
    ],
    ids=["constant", "cosine", "streamed", "adversarial"],
)
def test_a_resumed_run_ends_as_if_never_stopped(tiny, tmp_path, whole, monkeypatch, options, steps):
    out, reference = tmp_path / "run", whole
    if options is not WHOLE:
        reference = tmp_path / "whole"
        train(*tiny(reference, **options))
    stop_after(monkeypatch, steps)
    with pytest.raises(KeyboardInterrupt):
        train(*tiny(out, **options))
    assert list(losses(out)) == list(range(1, steps + 1))
    monkeypatch.undo()
    figures = train(*tiny(out, **options, resume=True))
    assert losses(out) == losses(reference)
    assert_equal(out, reference)
    assert_equal(out, reference, "model")
    assert figures == {k: v for k, v in lines(reference)[-1].items() if k.startswith("val")}


def stop_after(monkeypatch, steps: int, number: signal.Signals = signal.SIGINT) -> None:
    """As Ctrl-C during the last of them would."""
    step = module._step

    def counted(run):
        loss = step(run)
        if run.state.step + 1 == steps:
            signal.raise_signal(number)
        return loss

    monkeypatch.setattr(module, "_step", counted)


def test_a_killed_run_goes_on_from_its_last_checkpoint(tiny, out, whole, monkeypatch):
    """Killed in step 7, saved in step 5, in the middle of writing a line."""
    step, save, state = module._step, module._save, []

    def killed(run):
        if run.state.step == 5 and not state:
            state.append(save(run))
        if run.state.step == 7:
            raise RuntimeError("killed")
        return step(run)

    monkeypatch.setattr(module, "_step", killed)
    with pytest.raises(RuntimeError, match="killed"):
        train(*tiny(out, **WHOLE))
    monkeypatch.undo()
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"step": 8, "lo')
    train(*tiny(out, **WHOLE, resume=True))
    assert losses(out) == losses(whole)
    assert_equal(out, whole)


def test_resuming_what_is_done_changes_nothing(tiny, whole):
    before, after = {}, {}
    for seen in (before, after):
        seen |= {path.name: path.read_bytes() for path in whole.iterdir() if path.is_file()}
        assert train(*tiny(whole, **WHOLE, resume=True))["val_psnr"] == lines(whole)[-1]["val_psnr"]
    assert before == after


def test_a_done_run_may_be_given_more_epochs_parts_and_a_running_mean(tiny, out):
    train(*tiny(out, epochs=0.5))
    after = weights(out, "checkpoint")
    train(*tiny(out, epochs=0.75, ema=0.5, lr=1e-9, accumulate=2, resume=True))
    assert list(losses(out)) == [1, 2, 3]
    name = "backbone.decoder.3.weight"
    torch.testing.assert_close(weights(out)[name], after[f"model.{name}"])


def test_minutes_stop_a_run_and_count_on_when_resumed(tiny, out, monkeypatch):
    clock = itertools.count(step=0.1)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    train(*tiny(out, epochs=1000, minutes=0.02, schedule="cosine"))
    done = losses(out)
    assert 1 <= len(done) < 1000
    assert weights(out, "checkpoint")
    seconds = lines(out)[-1]["seconds"]
    assert 1.2 <= seconds < 1.8
    train(*tiny(out, epochs=1000, minutes=0.02, resume=True))  # the time is over
    assert losses(out) == done
    train(*tiny(out, epochs=1000, minutes=0.02 + seconds / 60, resume=True))
    assert len(losses(out)) > len(done)


def test_checkpoints_are_written_on_the_way(tiny, out, monkeypatch):
    saved, save = [], run_folder.save_checkpoint
    noted = lambda *given: saved.append(given[2]["step"]) or save(*given)  # noqa: E731
    monkeypatch.setattr(run_folder, "save_checkpoint", noted)
    train(*tiny(out, save_every=0))
    assert list(losses(out)) == saved == [1, 2, 3, 4]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_step_and_is_saved_but_not_done(out, tiny, command, number):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen([sys.executable, *command(out, epochs=100000)], env=environment)
    try:
        while not (out / "metrics.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(600) == 130
    finally:
        process.kill()
    done = list(losses(out))
    assert done == list(range(1, len(done) + 1))
    assert run_folder.load_network(out)[1]["step"] == len(done)
    train(*tiny(out, epochs=(len(done) + 1) / 4, resume=True))
    assert list(losses(out)) == [*done, len(done) + 1]


# --- a batch in parts -------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["cnn-rgb", "unet-bins"])
def test_the_gradient_of_parts_is_that_of_the_whole(tiny, out, model):
    """Which Adam's steps, all of one length, would hide; 4 photos in 2, 1 and 1."""
    setup = set_up(*tiny(out, model=model, freeze="norm"))
    network, batch = setup.state.network.eval(), setup.loader(0)
    expected = network.head.loss(network(batch.lightness), batch.lab).item()
    gradients = []
    for parts in (batch.parts(1), batch.parts(3)):
        setup.state.optimizer.zero_grad()
        assert sum(module._backward(setup, p) for p in parts) == pytest.approx(expected, rel=1e-5)
        gradients.append([p.grad.clone() for p in network.parameters() if p.requires_grad])
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-7)


def test_a_part_at_a_time_is_held(tiny, out, monkeypatch):
    setup = set_up(*tiny(out, accumulate=4))
    assert [len(squares) for squares in setup.validation] == [1, 1, 1, 1]
    network, seen = setup.state.network, []
    forward = network.forward
    monkeypatch.setattr(network, "forward", lambda L: seen.append(len(L)) or forward(L))
    module._step(setup)
    assert seen == [1, 1, 1, 1]


# --- runs that go on --------------------------------------------------------------------------


def test_pressing_twice_does_not_wait(tiny, out, monkeypatch):
    twice = lambda run: [signal.raise_signal(signal.SIGINT) for _ in range(2)]  # noqa: E731
    monkeypatch.setattr(module, "_step", twice)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(*tiny(out))
    assert signal.getsignal(signal.SIGINT) is before


def test_the_processes_agree(monkeypatch):
    """Stopping wins over saving, saving over nothing; the first has the clock."""
    said = [("", 5.0), ("save", 7.0), ("all epochs are done", 9.0)]
    monkeypatch.setattr(module, "gather", lambda fabric, mine: said)
    run = SimpleNamespace(fabric=None, state=SimpleNamespace(seconds=7.0))
    assert module._agree(run, "save") == "all epochs are done"
    assert run.state.seconds == 5.0


# --- what goes wrong --------------------------------------------------------------------------


def test_runs_are_not_mixed(tiny, tmp_path, whole):
    with pytest.raises(BadRun, match=r"already holds a run: add --resume, or name another --out"):
        train(*tiny(whole, **WHOLE))
    with pytest.raises(BadRun, match=r"holds no run to resume: leave --resume out"):
        train(*tiny(tmp_path / "new", resume=True))
    with pytest.raises(BadRun, match="a run of another model"):
        train(*tiny(whole, model="unet-rgb", resume=True))
    before = (whole / "config.json").read_text()
    with pytest.raises(BadRun, match="was trained with --batch 4, --seed 0: resume it so"):
        train(*tiny(whole, **WHOLE, batch=2, seed=3, resume=True))
    assert (whole / "config.json").read_text() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRun, match=r"cannot be made .*: name another --out"):
        train(*tiny(tmp_path / "file"))


def test_a_run_that_never_saved_may_be_started_again(tiny, out, monkeypatch):
    monkeypatch.setattr(module, "_save", lambda run: None)
    train(*tiny(out, epochs=0.5))
    monkeypatch.undo()
    train(*tiny(out, epochs=0.25))
    assert list(losses(out)) == [1]


@pytest.mark.parametrize("report_every", [1, 100])
def test_a_diverged_run_keeps_its_last_checkpoint(tiny, out, monkeypatch, report_every):
    train(*tiny(out, epochs=0.5))
    kept = weights(out, "checkpoint")
    step = module._step
    monkeypatch.setattr(module, "_step", lambda run: step(run) * float("nan"))
    with pytest.raises(Diverged, match=r"The loss is nan at step .*lower --lr and --resume"):
        train(*tiny(out, epochs=1, resume=True, report_every=report_every, save_every=1e9))
    torch.testing.assert_close(weights(out, "checkpoint"), kept, rtol=0, atol=0)
    monkeypatch.undo()
    train(*tiny(out, epochs=1, resume=True))
    assert list(losses(out)) == [1, 2, 3, 4]


def test_unreadable_photos_are_listed(tiny, tmp_path, folder):
    out, more = tmp_path / "run", shutil.copytree(folder, tmp_path / "more")
    (more / "bad.jpg").write_bytes(b"no photo")
    settings = {"index": None, "validation": 0.5, "cache": tmp_path / "kept"}
    train(*tiny(out, epochs=0.25, data=[more], **settings))
    (line,) = (out / "unreadable.txt").read_text().splitlines()
    assert line.startswith(f"{more}/bad.jpg: ")
    _, data = run_folder.load_config(out)
    assert data["unreadable_photos"] == 1
    assert data["training_photos"] + data["validation_photos"] == 20
    assert data["sources"] == ["more"]


def test_too_few_photos_is_one_sentence(tiny, tmp_path, folder):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "1.png").write_bytes((folder / "00.png").read_bytes())
    with pytest.raises(BadOption, match=r"to train on: ., to validate on: .; both are needed"):
        train(*tiny(tmp_path / "run", data=[tmp_path / "one"], index=None))
    with pytest.raises(BadData, match="does not exist"):
        train(*tiny(tmp_path / "run", data=[tmp_path / "none"]))
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"size": 40}, r"--size 40 does not suit cnn-rgb: .*multiple of 16"),
        ({"pretrained": True}, "no pretrained weights for cnn-rgb"),
        ({"device": "cuda"}, "torch sees no CUDA device"),
        ({"accumulate": 5}, "--accumulate 5 makes more parts than the 4 photos .*: "),
        ({"model": "unet-bins", "adversarial": 0.1}, "leave --perceptual and --adversarial out"),
        ({"model": "unet-bins", "hints": 0.5}, "leave .*--hints.* out"),
        ({"model": "unet-bins", "recolored": 0.5}, "leave .*--recolored.* out"),
        ({"model": "unet-bins", "emphasis": 0.5}, "leave .*--emphasis.* out"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(tiny, tmp_path, monkeypatch, given, sentence):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadOption, match=sentence):
        train(*tiny(tmp_path / "run", **given))


# --- weights to start from --------------------------------------------------------------------


def test_a_run_may_start_from_another_and_is_measured_before_it_begins(tiny, out, whole):
    with pytest.raises(BadRun, match=r"whole is a run of cnn-rgb: --init takes one of the same"):
        train(*tiny(out, model="unet-rgb", init=whole))
    train(*tiny(out, epochs=0.5, init=whole, lr=1e-9, device="auto"))  # that is not in the way
    name = "backbone.decoder.3.weight"
    torch.testing.assert_close(weights(out)[name], weights(whole)[name])
    rows = [json.loads(line) for line in (out / "validation.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 2]
    before = json.loads((whole / "validation.jsonl").read_text().splitlines()[-1])
    assert rows[0]["psnr"] == pytest.approx(before["psnr"], abs=1e-3)
    assert len(rows[1]["psnr"]) == 4


def test_what_is_renewed_begins_anew_and_all_else_as_it_was(tiny, out, whole):
    state = set_up(*tiny(out, init=whole, renew=r"decoder\.0\.")).state.network.state_dict()
    before = weights(whole)
    other = {n for n, v in state.items() if not torch.equal(v, before[n])}
    assert "backbone.decoder.0.conv.weight" in other
    assert all(".decoder.0." in name for name in other)
    with pytest.raises(BadOption, match=r"--renew attic finds none of the weights"):
        set_up(*tiny(out.with_name("other"), init=whole, renew="attic"))
    with pytest.raises(BadOption, match=r"--renew \( is no regular expression"):
        tiny(out, init=whole, renew="(")
    with pytest.raises(BadOption, match=r"--renew is for what --init brings"):
        tiny(out, renew="decoder")


def test_what_is_frozen_stays(tiny, out, whole):
    train(*tiny(out, epochs=0.5, init=whole, freeze=r"encoder\..*norm", ema=0.5))
    frozen = {n for n in weights(whole) if "encoder" in n and "norm" in n}
    assert any("running_var" in name for name in frozen)
    changed = {n for n, v in weights(out).items() if not torch.equal(v, weights(whole)[n])}
    assert not frozen & changed
    assert {n for n in weights(whole) if "conv.weight" in n} <= changed
    assert "backbone.decoder.0.norm.running_var" in changed


def test_class_weights_are_of_these_photos_also_when_the_weights_are_of_others(
    tiny, tmp_path, capsys
):
    one, other = tmp_path / "one", tmp_path / "other"
    first = set_up(*tiny(one, model="unet-bins", rebalance=0.2))
    assert first.state.network.head.weights.max() > 2
    run_folder.save_weights(one, first.state.network.state_dict(), {})
    second = set_up(*tiny(other, model="unet-bins", rebalance=1.0, init=one, quiet=False))
    assert "class weights 1 to 1: of these photos, --rebalance 1" in capsys.readouterr().out
    assert (second.state.network.head.weights == 1).all()
    assert torch.equal(
        second.state.network.backbone.last.weight, first.state.network.backbone.last.weight
    )


def test_a_resumed_run_keeps_its_class_weights(tiny, tmp_path, folder):
    """Also where the photos are no longer the same."""
    out, fewer = tmp_path / "run", tmp_path / "fewer"
    options = {"model": "unet-bins", "batch": 2, "ema": 0.5}
    train(*tiny(out, **options, epochs=0.25))
    before = weights(out)["head.weights"]
    fewer.mkdir()
    for name in ("00.png", "01.png", "02.png"):
        shutil.copy(folder / name, fewer)
    fresh = set_up(*tiny(tmp_path / "fresh", **options, data=[fewer]))
    assert not torch.equal(fresh.state.network.head.weights, before)
    train(*tiny(out, **options, epochs=2, data=[fewer], resume=True))
    assert list(losses(out)) == [1, 2]
    assert torch.equal(weights(out)["head.weights"], before)
    assert torch.equal(weights(out, "checkpoint")["model.head.weights"], before)


def test_hintnet_is_pretrained_frozen_and_calibrated(tiny, tmp_path):
    out, small = tmp_path / "run", {"size": 32, "smallest": 0, "side": 40, "perceptual": 0.0}
    small |= {"validate_on": 1, "batch": 4, "epochs": 0.25}
    train(replace(PRESETS["hintnet"][1], **small), tiny(out)[1])
    backbone = run_folder.load_network(out)[0].backbone
    encoder = Encoder()
    encoder.pretrain()
    assert torch.equal(backbone.encoder.stem.norm.running_mean, encoder.stem.norm.running_mean)
    for norm in (up.norm0 for up in backbone.ups):  # on these photos
        assert norm.running_mean.abs().max() > 0
        assert not torch.equal(norm.running_var, torch.ones_like(norm.running_var))


# --- losses that look at the picture ----------------------------------------------------------


def test_the_losses_of_the_last_part_begin_when_they_are_due(tiny, tmp_path):
    plain, late = tmp_path / "plain", tmp_path / "late"
    train(*tiny(plain))
    train(*tiny(late, **PICTURES))
    without, added = losses(plain), losses(late)
    assert added[1] == without[1]
    assert added[2] > without[2] + 0.1  # features of noise are far from those of photos
    assert weights(plain, "checkpoint").keys() < weights(late, "checkpoint").keys()
    assert weights(plain).keys() == weights(late).keys()


def test_what_is_reached_of_the_peak_is_told_and_where_the_time_goes(tiny, out, capsys):
    train(*tiny(out, epochs=3, peak=True, profile=True, quiet=False))
    assert "% of peak" in capsys.readouterr().out
    told = (out / "profile.txt").read_text()
    assert all(part in told for part in ("batch", "network", "loss", "backward", "optimizer"))


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", list(PRESETS))
def test_a_configuration_comes_back(tmp_path, preset):
    _, experiment = PRESETS[preset]
    run_folder.save_config(tmp_path, experiment, {"photos": 3})
    assert run_folder.load_config(tmp_path) == (experiment, {"photos": 3})


def test_a_damaged_configuration_is_one_sentence(tmp_path):
    with pytest.raises(BadRun, match=r"is no run: it has no config\.json"):
        run_folder.load_config(tmp_path)
    for change, error in (({"size": "a"}, BadRun), ({"new": 1}, BadOption)):
        text = json.dumps({"experiment": asdict(Experiment("x")) | change, "data": {}})
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(error, match=r"config\.json is damaged|unknown settings: new"):
            run_folder.load_config(tmp_path)


def test_damaged_weights_are_one_sentence(whole, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((whole / name).read_bytes())
    network, facts = run_folder.load_network(tmp_path)
    assert not network.training
    assert facts["step"] == 8
    data = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(BadRun, match=r"model\.safetensors is damaged"):
        run_folder.load_network(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(BadRun, match=r"model\.safetensors does not exist: train the run first"):
        run_folder.load_network(tmp_path)
    run_folder.save_weights(tmp_path, {"something": torch.zeros(1)}, {})
    with pytest.raises(BadRun, match=r"does not fit its config\.json"):
        run_folder.load_network(tmp_path)


def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch):
    run_folder.save_weights(tmp_path, {"x": torch.ones(3)}, {"step": 1})

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match="No space"):
        run_folder.save_weights(tmp_path, {"x": torch.zeros(3)}, {"step": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    assert weights(tmp_path)["x"].tolist() == [1, 1, 1]


def test_a_running_mean_is_filled_where_it_lies(tiny, tmp_path):
    """On whatever device that is."""
    state = set_up(*tiny(tmp_path / "run", ema=0.5)).state
    for value in state.average.values():
        value.fill_(5)
    state.save(tmp_path)
    tensors, facts = run_folder.load_checkpoint(tmp_path)
    assert facts == {"step": 0, "seconds": 0}
    places = {name: value.data_ptr() for name, value in state.average.items()}
    for value in state.average.values():
        value.zero_()
    state.load(tmp_path, tensors, facts)
    assert all((value == 5).all() for value in state.average.values())
    assert {name: value.data_ptr() for name, value in state.average.items()} == places


def test_a_compiled_network_is_trained_and_kept_as_it_is(tiny, out, whole, monkeypatch):
    """What the compiler makes of it is torch's affair, and takes a minute: here it is only run."""
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network, **_: compiled.append(network) or network)
    train(*tiny(out, **WHOLE, compile=True))
    assert len(compiled) == 1
    assert_equal(out, whole, "model")
