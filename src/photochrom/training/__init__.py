"""Training a colorizer and exporting it: the only room with torch (``photochrom[train]``).

In come an :class:`~presets.Experiment` (what to compute) and :class:`~presets.TrainOptions` (where
and how long); out goes a run folder (run_folder.py says what is in it), and by export.py an ONNX
file that the runtime colours with. Open train.py first: the loop, from top to bottom. setup.py
makes what it uses: the data (training_data.py, loader.py, augmentation.py, degrade.py), a network
of models/ with its head (heads.py), and the state that is checkpointed (train_state.py).
"""

from __future__ import annotations

import os

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
"""How long torch's threads spin for one another; read by GNU's OpenMP when torch is imported."""


def spin_briefly() -> None:
    """Let threads that wait for others sleep after microseconds, unless the environment has said.

    By default they spin for milliseconds, which takes the cores from those that they wait for
    wherever more threads compute than there are cores.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ["GOMP_SPINCOUNT"] = "1000"


spin_briefly()
