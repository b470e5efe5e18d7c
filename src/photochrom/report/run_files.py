"""Reads what a training left behind, without torch: for the trainer, who goes on, and the report.

config.json holds the experiment and its data; metrics.jsonl a line of numbers for each report;
validation.jsonl a line of lists for each validation, a number for each photo.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from photochrom.errors import BadRun


def read_config(run: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The settings of a run's experiment, and the description of its data.

    Raises:
        BadRun: it is no run, or damaged.
    """
    path = run / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
        experiment, data = dict(config["experiment"]), dict(config["data"])
        if not isinstance(experiment["model"], str):
            raise TypeError("model is no name")
    except FileNotFoundError as error:
        raise BadRun(f"{run} is no run: it has no config.json.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRun(f"{path} is damaged ({error}): use a copy, or train anew.") from error
    return experiment, data


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a ``metrics.jsonl`` or ``validation.jsonl``: floats, or lists, by name.

    Each has a ``step``. There are none where there is no file; a last line without its end was
    being written when the run was killed, and is left out.

    Raises:
        BadRun: it is damaged.
    """
    try:
        lines = path.read_text("utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise BadRun(f"{path} is damaged ({error}): use a copy, or delete it.") from error
    read = []
    for number, line in enumerate(lines, 1):
        if line.endswith("\n"):
            try:
                values = json.loads(line).items()
                read.append({key: np.asarray(value, float).tolist() for key, value in values})
                int(read[-1]["step"])
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
                raise BadRun(
                    f"{path} is damaged in line {number} ({type(error).__name__}: {error}): "
                    "use a copy, or delete that line."
                ) from error
    return read
