"""A page on which one colours a photo, and the REST API below it."""

from __future__ import annotations

from photochrom.web.app import create_app

__all__ = ["create_app"]
