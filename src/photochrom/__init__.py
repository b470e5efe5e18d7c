"""photochrom: colour for black-and-white photographs."""

__version__ = "0.1.0"
