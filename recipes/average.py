"""Average the weights of two runs of one network, of which one continued the other.

    python recipes/average.py RUN LATER SHARE OUT

OUT becomes a run like LATER, whose weights are SHARE of LATER's and the rest of RUN's. Class
weights are LATER's. Its validation figures are left out, because they do not hold for the mean.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file


def average(run: Path, later: Path, share: float, out: Path) -> None:
    """Write the mean; FileExistsError if ``out`` is there already."""
    ours, theirs = (load_file(path / "model.safetensors") for path in (run, later))
    for name in ours:
        if theirs[name].is_floating_point() and not name.startswith("head."):
            theirs[name] = (1 - share) * ours[name] + share * theirs[name]
    with safe_open(later / "model.safetensors", "pt") as file:
        facts = json.loads(file.metadata()["facts"])
    kept = {name: value for name, value in facts.items() if not name.startswith("val_")}
    out.mkdir(parents=True)
    for name in ("config.json", "metrics.jsonl", "probe.safetensors"):
        if (later / name).exists():
            shutil.copyfile(later / name, out / name)
    save_file(theirs, out / "model.safetensors", {"facts": json.dumps(kept)})


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    average(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
