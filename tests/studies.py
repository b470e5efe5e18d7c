"""Runs as small as can be: a folder of figures that were truly measured, on photos one can find."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photochrom.color import lab_to_rgb
from photochrom.data import shards
from photochrom.data.decode import decode
from photochrom.evaluation.evaluate import EvaluateOptions, evaluate
from photochrom.evaluation.results import Results
from photochrom.evaluation.rows import Row
from photochrom.training.presets import PRESETS as EXPERIMENTS

PRESETS = {name: asdict(experiment) for name, (_, experiment) in EXPERIMENTS.items()}


def flat(a: float, b: float) -> Callable[[Any], Any]:
    """A colorizer that answers one colour."""
    ab = np.array([a, b], np.float32).reshape(1, 2, 1, 1)
    return lambda L: np.broadcast_to(ab, (1, 2, *L.shape[2:]))


def stepped(L: Any) -> Any:
    """A colorizer whose colours come in steps of 12 over lightness."""
    return np.concatenate([np.floor(L / 10) * 12 - 40, L * 0], 1)


def own_rgb(L: Any) -> Any:
    """A colorizer that paints lightness too, a bit too dark."""
    return np.repeat(np.clip(L / 120, 0, 1), 3, 1)


PAINTS = SimpleNamespace(flat=flat, stepped=stepped, own_rgb=own_rgb)


def scene(seed: int = 0, height: int = 40, width: int = 50) -> Any:
    """A colourful photo, (H, W, 3) uint8."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def pink(lightness: Any, _spots: Any = None) -> Any:
    """A colorizer, hinted or not, that answers ab (20, 20)."""
    return np.full((1, 2, *lightness.shape[2:]), 20, np.float32)


def make_album(folder: Path) -> Path:
    """Four photos: a coloured ramp that is smooth, and three busy ones."""
    folder.mkdir()
    along = np.linspace(20, 80, 80, dtype=np.float32)
    ramp = np.stack(np.broadcast_arrays(along, (along - 50) / 2, (along - 40) / 2 + 12))
    ramp = np.repeat(ramp[:, None], 64, 1)
    rgb = np.clip(lab_to_rgb(ramp), 0, 1).transpose(1, 2, 0)
    Image.fromarray((rgb * 255).round().astype(np.uint8)).save(folder / "ramp.png")
    for i in range(3):
        Image.fromarray(scene(i, 64, 80)).save(folder / f"{i}.png")
    return folder


def finder(album: Path) -> Callable[[str], Any]:
    """Finds a photo of the album by its name."""
    return {s.name: decode(s.read()) for s in shards.find_sources([album])}.get


def measure(
    photos: Path | Iterable[Any],
    colorizers: Mapping[str, Any],
    *,
    hinted: Mapping[str, Any] | None = None,
    models: Mapping[str, Any] | None = None,
    troubles: list[str] | None = None,
    **options: Any,
) -> Results:
    """Figures of colorizers by name, on photos or an album of them."""
    sources = (str(photos),) if isinstance(photos, Path) else ()
    if isinstance(photos, Path):
        photos = shards.decode_sources(shards.find_sources([photos]))
    named, spotted, facts = (
        {Row.parse(name): value for name, value in (given or {}).items()}
        for given in (colorizers, hinted, models)
    )
    asked = EvaluateOptions(**{"protocol": "native"} | options)
    results = evaluate(photos, named, spotted, asked, troubles)
    return replace(results, models=facts, sources=sources)


def write_run(
    album: Path,
    run: Path,
    paint: Any = None,
    *,
    model: str = "",
    rgb: Any = None,
    photos: int = 5626,
    log: list[dict[str, float]] | None = None,
    **settings: Any,
) -> Path:
    """A run folder that was trained and evaluated; by default as its preset has it."""
    options = {k: settings.pop(k) for k in ("protocol", "seed", "perceptual") if k in settings}
    name, model = run.name, model or run.name
    run.mkdir(parents=True)
    experiment = PRESETS[model] | settings
    data = {"training_photos": photos, "validation_photos": 174}
    (run / "config.json").write_text(json.dumps({"experiment": experiment, "data": data}))
    lines = reports(experiment["epochs"]) if log is None else log
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (run / "model.safetensors").write_bytes(b"")
    rows = {name: paint or flat(5, 10)} | ({f"{name}, own RGB": rgb} if rgb else {})
    facts = {"parameters": "20554000", "gflop": "120.3", "experiment": model}
    measure(album, rows, models={name: facts}, **options).write_json(run / "evaluation.json")
    return run


def reports(epochs: float, **last: float) -> list[dict[str, float]]:
    """Ten of a training that went well; ``last`` goes into the last of them."""
    lines: list[dict[str, float]] = [
        {"step": 10 * i, "epoch": epochs * i / 10, "seconds": i, "loss": 1 / i, "val_psnr": 20 + i}
        for i in range(1, 11)
    ]
    lines[-1] |= last
    return lines


@pytest.fixture(scope="session")
def workshop() -> SimpleNamespace:
    """All of this, for fixtures of a wider scope than a test."""
    return SimpleNamespace(album=make_album, run=write_run, paints=PAINTS, presets=PRESETS)


@pytest.fixture
def paints() -> SimpleNamespace:
    """What the runs here paint with."""
    return PAINTS


@pytest.fixture
def training() -> Callable[..., list[dict[str, float]]]:
    """Makes reports of a training that went well."""
    return reports


@pytest.fixture
def presets() -> dict[str, dict[str, Any]]:
    return PRESETS


@pytest.fixture
def album(tmp_path: Path) -> Path:
    return make_album(tmp_path / "album")


@pytest.fixture
def measured(album: Path) -> Callable[..., Results]:
    return partial(measure, album)


@pytest.fixture
def make_run(tmp_path: Path, album: Path) -> Callable[..., Path]:
    """Writes a run folder of that name."""
    return lambda name, *rest, **settings: write_run(
        album, tmp_path / "runs" / name, *rest, **settings
    )
