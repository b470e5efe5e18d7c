"""The run: a folder of files, none of them a pickle.

======================  ===========================================================
config.json             the experiment and what it was trained on
metrics.jsonl           one line per report: step, loss, PSNR, photos/s, ...
validation.jsonl        one line per validation: its figures photo by photo
model.safetensors       the weights for use (the running mean, where there is one)
checkpoint.safetensors  all that is needed to go on
samples/                sheets of validation photos: grey, coloured, original
unreadable.txt          photos that could not be decoded, with reasons
probe.safetensors       L of a few held-out photos, to check an export on
======================  ===========================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from photochrom import files
from photochrom.color import Pixels, rgb_to_lab
from photochrom.errors import BadOption, BadRun
from photochrom.names import escape_controls
from photochrom.report.run_files import read_config, read_lines
from photochrom.training.models import Network, build
from photochrom.training.presets import Experiment

Tensors = dict[str, Tensor]
"""By name."""


def claim(run: Path, experiment: Experiment, resume: bool | None) -> bool:
    """Make the folder, unless that would mix two runs.

    Args:
        run: the run's folder.
        experiment: what is to be trained there.
        resume: whether to go on with the run in it; None: if there is one.

    Returns:
        Whether to go on.

    Raises:
        BadRun: it holds a run and ``resume`` is false, or the other way round.
    """
    # A run that never saved is none: there is nothing to lose in it and nothing to resume.
    exists = any((run / f"{name}.safetensors").exists() for name in ("checkpoint", "model"))
    if resume is None:
        resume = exists
    if exists and not resume:
        raise BadRun(f"{run} already holds a run: add --resume, or name another --out.")
    if resume and not exists:
        raise BadRun(f"{run} holds no run to resume: leave --resume out to start one.")
    if exists:
        _check_same(run, experiment)
    try:
        (run / "samples").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadRun(f"{run} cannot be made ({error.strerror}): name another --out.") from error
    if not exists:
        for name in ("metrics.jsonl", "validation.jsonl"):
            (run / name).unlink(missing_ok=True)
    return resume


MAY_CHANGE = {"ema", "epochs", "lr", "precision", "schedule", "validate_on", "warmup"}
"""What a resumed run may do differently."""


def _check_same(run: Path, experiment: Experiment) -> None:
    before, now = asdict(load_config(run)[0]), asdict(experiment)
    if before["model"] != now["model"]:
        raise BadRun(f"{run} is a run of another model: name another --out.")
    changed = [name for name in now if now[name] != before[name] and name not in MAY_CHANGE]
    if changed:
        settings = ", ".join(f"--{name.replace('_', '-')} {before[name]}" for name in changed)
        raise BadRun(f"{run} was trained with {settings}: resume it so, or start anew with --init.")


def save_unreadable(run: Path, unreadable: Mapping[str, str]) -> None:
    """Write which photos could not be decoded, and why."""
    lines = (escape_controls(f"{name}: {reason}") + "\n" for name, reason in unreadable.items())
    (run / "unreadable.txt").write_text("".join(lines), "utf-8", "surrogateescape")


def save_probe(run: Path, photos: Iterable[Pixels]) -> None:
    """Keep the lightness of a few photos, each ``(h, w, 3)`` uint8, to check exports on."""
    planes = {}
    for i, photo in enumerate(photos):
        rgb = torch.from_numpy(photo.copy()).permute(2, 0, 1).float() / 255
        planes[str(i)] = rgb_to_lab(rgb)[0]
    _write(run / "probe.safetensors", planes, {})


def load_probe(run: Path) -> list[Tensor]:
    """What :func:`save_probe` kept, each ``(h, w)``; nothing where the file is missing."""
    path = run / "probe.safetensors"
    return list(_read(path)[0].values()) if path.exists() else []


def append_metrics(run: Path, facts: Mapping[str, float]) -> None:
    """One more line of ``metrics.jsonl``; ``facts`` has a ``step``."""
    files.append_json_lines(run / "metrics.jsonl", [facts])


def append_validation(run: Path, step: int, rows: Sequence[Mapping[str, float]]) -> None:
    """One more line of ``validation.jsonl``: lists of figures, a number for each photo."""
    columns = {name: [round(row[name], 4) for row in rows] for name in rows[0]}
    files.append_json_lines(run / "validation.jsonl", [{"step": step} | columns])


def load_validation(run: Path) -> tuple[int, list[dict[str, float]]]:
    """The step and the rows of the last validation; 0 and none where there is none."""
    lines = read_lines(run / "validation.jsonl")
    if not lines:
        return 0, []
    columns = lines[-1]
    step = int(columns.pop("step"))
    return step, [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ]


def forget_metrics_after(run: Path, step: int) -> None:
    """Drop what was reported after the checkpoint that a resumed run starts from."""
    for path in (run / "metrics.jsonl", run / "validation.jsonl"):
        kept = sum(line["step"] <= step for line in read_lines(path))
        if path.exists():
            lines = path.read_text("utf-8").splitlines(keepends=True)
            files.write_bytes(path, "".join(lines[:kept]).encode())


def epochs_at(run: Path, step: int) -> float | None:
    """Passes over the training photos after ``step`` steps, as was reported; None if it was not."""
    lines = read_lines(run / "metrics.jsonl")
    return next((line["epoch"] for line in lines if line["step"] == step), None)


def save_config(run: Path, experiment: Experiment, data: Mapping[str, Any]) -> None:
    """Write ``config.json``."""
    text = json.dumps({"experiment": asdict(experiment), "data": data}, indent=2)
    files.write_bytes(run / "config.json", text.encode())


def load_config(run: Path) -> tuple[Experiment, Mapping[str, Any]]:
    """Read the experiment and the description of its data.

    Raises:
        BadRun: no run, or not readable. BadOption: it has settings that are not known here.
    """
    settings, data = read_config(run)
    unknown = settings.keys() - Experiment.__dataclass_fields__
    if unknown:
        raise BadOption(f"The configuration has unknown settings: {', '.join(sorted(unknown))}")
    try:
        return Experiment(**settings), data
    except TypeError as error:
        raise BadRun(f"{run / 'config.json'} is damaged: {error}.") from error


def load_network(run: Path) -> tuple[Network, dict[str, Any]]:
    """The trained network of a run, in evaluation mode, and what the weights' file says.

    Raises:
        BadRun: no run, or weights that do not fit its configuration.
    """
    experiment, _ = load_config(run)
    state, facts = _read(run / "model.safetensors")
    network = build(experiment.model, experiment.alpha, experiment.encoder, experiment.emphasis)
    fill(network, state, run / "model.safetensors")
    return network.eval(), facts


def load_weights(run: Path) -> Tensors:
    """The weights for use of a run, by name.

    Raises:
        BadRun: there are none, or they are damaged.
    """
    return _read(run / "model.safetensors")[0]


def save_weights(run: Path, state: Tensors, facts: Mapping[str, Any]) -> None:
    """Write ``model.safetensors``, the weights for use."""
    _write(run / "model.safetensors", state, facts)


def save_checkpoint(run: Path, tensors: Tensors, facts: Mapping[str, Any]) -> None:
    """Write ``checkpoint.safetensors``, all that is needed to go on; ``facts`` must be JSON."""
    _write(run / "checkpoint.safetensors", tensors, facts)


def load_checkpoint(run: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read what :func:`save_checkpoint` wrote.

    Raises:
        BadRun: there is no checkpoint, or it is damaged.
    """
    return _read(run / "checkpoint.safetensors")


def strip_prefix(prefix: str, tensors: Tensors) -> Tensors:
    """Take those whose names begin so, without that."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def fill(network: nn.Module, tensors: Tensors, path: Path) -> None:
    """Load weights that were read from ``path``.

    Raises:
        BadRun: they are of another network.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise BadRun(f"{path} does not fit its config.json: {error}") from error


def _read(path: Path) -> tuple[Tensors, dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get("facts", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except FileNotFoundError as error:
        raise BadRun(f"{path} does not exist: train the run first.") from error
    except (SafetensorError, ValueError) as error:
        raise BadRun(f"{path} is damaged ({error}): train again or use a copy.") from error


def _write(path: Path, state: Tensors, facts: Mapping[str, Any]) -> None:
    # Plain copies: tensors that share memory or are laid out channels-last are refused.
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in state.items()}
    files.write_bytes(path, save(plain, {"facts": json.dumps(facts)}))
