"""What learns: all that a checkpoint keeps, and a resumed run goes on from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch.optim import Optimizer

from photochrom.training import run_folder
from photochrom.training.models import Network
from photochrom.training.optimize import load_moments, moments
from photochrom.training.pictures import PictureLosses
from photochrom.training.run_folder import Tensors, strip_prefix


@dataclass
class TrainState:
    """A network in training, and how far it has come."""

    network: Network
    """The plain network; ``wrapped`` is the same one for computing gradients."""
    wrapped: Any
    optimizer: Optimizer
    average: Tensors
    """Running mean of the weights; empty where the experiment wants none."""
    pictures: PictureLosses
    step: int = 0
    seconds: float = 0.0
    """Time trained so far, before it was resumed included."""
    figures: dict[str, float] = field(default_factory=dict)
    """Of the last validation."""

    def save(self, run: Path) -> None:
        """Write the checkpoint, and the weights for use, each atomically."""
        facts = {"step": self.step, "seconds": self.seconds, **self.figures}
        parts = {
            "model.": self.network.state_dict(),
            "average.": self.average,
            "optimizer.": moments(self.optimizer),
            "rival.": self.pictures.state(),
        }
        tensors = {p + name: value for p, part in parts.items() for name, value in part.items()}
        run_folder.save_checkpoint(run, tensors, facts)
        run_folder.save_weights(run, self.average or self.network.state_dict(), facts)

    def load(self, run: Path, tensors: Tensors, facts: dict[str, Any]) -> None:
        """Go on from what :func:`~photochrom.training.run_folder.load_checkpoint` gave.

        Raises:
            BadRun: it is of another network.
        """
        model = strip_prefix("model.", tensors)
        run_folder.fill(self.network, model, run / "checkpoint.safetensors")
        mean = strip_prefix("average.", tensors) or model  # it may begin only now
        for name, value in self.average.items():
            value.copy_(mean[name])  # where it lies: the network's device
        load_moments(self.optimizer, strip_prefix("optimizer.", tensors))
        self.pictures.load(strip_prefix("rival.", tensors))
        figures = dict(facts)
        self.step, self.seconds = figures.pop("step"), figures.pop("seconds")
        self.figures = figures
