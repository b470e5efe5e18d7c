"""The study this one repeats: its four models, as they were trained and what they scored."""

from __future__ import annotations

from typing import NamedTuple


class Original(NamedTuple):
    """One row of the original study's table."""

    architecture: str
    psnr: float
    """dB, on the original's own 1,000 test photos."""
    settings: str


# Adam at 1e-4 throughout; 5,800 training and 1,000 test photos of Pexels. Nobody wrote down what
# doing nothing scores on them.
_RGB = "grey → RGB, {} M parameters, 96 px, batch 512, 20 epochs, 0.7 MSE + 0.3 L1"
_LAB = "20.5 M parameters, 512 px, batch 16"
ORIGINAL = {
    "cnn-rgb": Original("encoder and decoder, no skips", 11.2, _RGB.format(4.3)),
    "unet-rgb": Original("U-Net of 4 levels", 13.5, _RGB.format(4.5)),
    "unet-lab": Original("deeper U-Net", 19.0, f"L → ab, {_LAB}, 15 epochs, 0.5 MSE + 0.5 L1"),
    "unet-bins": Original(
        "the same, softmax over 676 ab bins",
        18.2,
        f"L → bins → ab, {_LAB}, 20 epochs, class-weighted cross-entropy",
    ),
}
