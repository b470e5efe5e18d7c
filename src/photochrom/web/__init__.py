"""A page on which one colours a photo, and the REST API below it.

Requests come in through :mod:`.server` and :mod:`.middleware`, which bound and check
them, to :mod:`.routes`. Photos are decoded in worker processes
(:mod:`.process_pool`); those that are kept lie in :mod:`.photo_store`, and previews of them are
coloured by :mod:`.engine`. What goes out is JSON (:mod:`.schemas`) or pictures. Open :mod:`.app`
first, which puts it together.
"""

from __future__ import annotations

from photochrom.web.app import create_app

__all__ = ["create_app"]
