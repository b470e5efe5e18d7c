"""The study this one repeats: its four models, as they were trained and what they scored."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Original:
    """One row of the original study's table."""

    architecture: str
    parameters: str
    maps: str
    """From what to what."""
    size: int  # pixels
    batch: int
    epochs: int
    loss: str
    psnr: float
    """dB, on the original's own 1,000 test photos."""


# Adam at 1e-4 throughout; 5,800 training and 1,000 test photos of Pexels. Nobody wrote down what
# doing nothing scores on them.
ORIGINAL: dict[str, Original] = {
    "cnn-rgb": Original(
        "encoder and decoder, no skips",
        "4.3 M",
        "grey → RGB",
        96,
        512,
        20,
        "0.7 MSE + 0.3 L1",
        11.2,
    ),
    "unet-rgb": Original(
        "U-Net of 4 levels", "4.5 M", "grey → RGB", 96, 512, 20, "0.7 MSE + 0.3 L1", 13.5
    ),
    "unet-lab": Original("deeper U-Net", "20.5 M", "L → ab", 512, 16, 15, "0.5 MSE + 0.5 L1", 19.0),
    "unet-bins": Original(
        "the same, softmax over 676 ab bins",
        "20.5 M",
        "L → bins → ab",
        512,
        16,
        20,
        "class-weighted cross-entropy",
        18.2,
    ),
}
