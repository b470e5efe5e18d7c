"""A photo set small enough to train on in a second."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from photochrom.data import cache
from photochrom.training.presets import Experiment, TrainOptions

TINY = Experiment("cnn-rgb", size=32, side=40, zoom=0.8, batch=4, epochs=1, lr=1e-3)


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty soft photos of 40 to 64 pixels."""
    path = tmp_path_factory.mktemp("photos")
    for i in range(20):
        draw = np.random.default_rng(i)
        size = (40, int(draw.integers(40, 65)))[:: 1 if i % 2 else -1]
        coarse = Image.fromarray(draw.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(path / f"{i:02d}.png")
    return path


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the twenty, 16 to train on, which makes 4 steps an epoch, and 4 to validate on."""
    path = tmp_path_factory.mktemp("index") / "index.csv"
    rows = (f"{i:02d}.png,{'val' if i % 5 == 0 else 'train'}\n" for i in range(20))
    path.write_text("name,split\n" + "".join(rows))
    return path


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where decoded sets are kept."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="session")
def photos(folder: Path, kept: Path) -> cache.DecodedPhotos:
    """The photos of ``folder``, decoded."""
    return cache.load([folder], TINY.side, kept, quiet=True)


@pytest.fixture(scope="session")
def tiny(folder: Path, index: Path, kept: Path) -> Callable[..., tuple[Experiment, TrainOptions]]:
    """What to train, tiny; any setting of the experiment or the session may be given."""

    def settings(out: Path, **given) -> tuple[Experiment, TrainOptions]:
        of_options = {k: v for k, v in given.items() if k in TrainOptions.__dataclass_fields__}
        of_experiment = {k: v for k, v in given.items() if k not in of_options}
        base = TrainOptions(
            [folder], out, index, report_every=1, device="cpu", cache=kept, quiet=True
        )
        return replace(TINY, **of_experiment), replace(base, **of_options)

    return settings


@pytest.fixture(scope="session")
def command(folder: Path, index: Path, kept: Path) -> Callable[..., list[str]]:
    """What to give to Python or torchrun to train as ``tiny`` does, in a process of its own."""

    def arguments(out: Path, **given) -> list[str]:
        flags = {"size": 32, "side": 40, "zoom": 0.8, "batch": 4, "lr": 1e-3, "alpha": 0.5}
        flags |= {"report_every": 1, "device": "cpu", "data": folder, "index": index}
        words = ["-m", "photochrom", "train", "cnn-rgb", "--quiet"]
        for key, value in (flags | {"cache": kept, "out": out} | given).items():
            flag = f"--{key.replace('_', '-')}"
            words += [flag] if value is True else [flag, str(value)]
        return words

    return arguments


class Halvings(nn.Module):
    """An encoder as timm gives it: one feature for each number of channels, each half as large."""

    pretrained_cfg = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.4)}  # noqa: RUF012

    def __init__(self, *channels: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i, o, 3, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
            for i, o in pairwise((3, *channels))
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        features = []
        for block in self.blocks:
            features.append(x := block(x))  # noqa: PERF401
        return features


@pytest.fixture(scope="session")
def timm_models() -> Iterator[dict[str, Callable[[], nn.Module]]]:
    """What the ``timm`` that is imported meanwhile has to give, by name."""
    made = {"tiny": lambda: Halvings(4, 6, 8, 10, 12)}
    timm = ModuleType("timm")

    def create_model(name: str, pretrained: bool, features_only: bool) -> nn.Module:
        assert features_only
        if name not in made:
            raise RuntimeError(f"Unknown model ({name})")
        model = made[name]()
        if pretrained:
            for value in model.parameters():
                nn.init.constant_(value, 0.25)
        return model

    timm.create_model = create_model
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "timm", timm)
        yield made
