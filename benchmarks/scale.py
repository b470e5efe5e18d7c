"""Training on many GPUs, on paper: what follows from a few figures. Edit them where yours differ.

    python benchmarks/scale.py

Prints, for both networks, what 1, 8 and 64 GPUs would need and how long they would take. Which of
the figures were measured, and by what, is in docs/scale.md; others are data sheets' or assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

PEAK = 989e12
"""Operations a second, bfloat16 without sparsity: an H200's data sheet."""
PHOTO = 20.8e3
"""Bytes of a packed photo of 256 pixels: measured."""
READER = 760.0
"""Photos a second that one core reads and decodes: measured."""
REQUEST = 1.04e6
"""Bytes that are read at once: measured."""
WORD = 1.5e-3
"""Seconds in which the processes agree whether to go on, each step: measured with two."""
PRICE = 3.0
"""Dollars for a GPU and an hour: assumed."""
NODE = 8
"""GPUs of a machine."""
LINKS = {
    "NVLink": (450e9, 20e-6),
    "400 Gbit/s a GPU": (50e9, 40e-6),
    "100 Gbit/s a machine": (1.56e9, 60e-6),
}
"""Bytes a second in one direction for each GPU, and seconds until a small sum has gone round:
data sheets', assumed."""


@dataclass(frozen=True)
class Network:
    """What a step of it takes."""

    name: str
    operations: float
    """Forwards and backwards, of a photo at 256 pixels: counted."""
    share: float
    """Of the peak: measured or assumed."""
    gradient: float
    """Bytes of it: counted."""
    norms: int
    """Batch norms whose statistics are shared: counted."""
    batch: int
    """Photos of a step on each GPU."""

    @property
    def rate(self) -> float:
        """Photos a second of one GPU alone."""
        return self.share * PEAK / self.operations

    def efficiency(self, gpus: int, link: str) -> float:
        """Share of the time that is computing, if no gradient travels while others are computed."""
        if gpus == 1:
            return 1.0
        speed, delay = LINKS[link]
        computing = self.batch / self.rate
        gradients = 2 * (gpus - 1) / gpus * self.gradient / speed
        return computing / (computing + gradients + 2 * self.norms * delay + WORD)


NETWORKS = (
    Network("unet-lab", 272.4e9, 0.4, 4 * 20.554e6, 18, 64),  # the share: assumed
    Network("hintnet", 15.8e9, 0.038, 4 * 6.615e6, 6, 256),  # measured: a step takes 107 ms
)


SETS = {"1.3 M x 20": 1.3e6 * 20, "100 M x 3": 100e6 * 3}
"""Photos, times how often they are seen."""


def lasting(hours: float) -> str:
    """So many hours, in a unit that suits them."""
    if hours < 1:
        return f"{60 * hours:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def main() -> None:
    """Print the table."""
    columns = ["network", "GPUs", "link", "efficiency", "photos/s", "read"]
    columns += ["requests/s", "cores to decode"]
    print("| " + " | ".join([*columns, *SETS]) + " |")
    print("| --- | ---: | --- |" + " ---: |" * (5 + len(SETS)))
    for network in NETWORKS:
        for gpus, link in ((1, ""), (NODE, "NVLink"), *((64, link) for link in list(LINKS)[1:])):
            share = network.efficiency(gpus, link)
            rate = network.rate * gpus * share
            cells = [network.name, str(gpus), link, f"{share:.2f}", f"{rate:,.0f}"]
            cells += [f"{rate * PHOTO / 1e6:,.0f} MB/s", f"{rate * PHOTO / REQUEST:,.0f}"]
            cells += [f"{rate / READER:,.0f}"]
            for photos in SETS.values():
                hours = photos / rate / 3600
                cells.append(f"{lasting(hours)}, ${hours * gpus * PRICE:,.0f}")
            print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
