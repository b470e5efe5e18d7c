"""Measuring colorizers on colour photographs: remove the colour, restore it, compare.

In come photos by name and any functions from L to ab; out come :class:`~.results.Results`: every
figure photo by photo, and the table made of them. Open :mod:`.evaluate` first. :mod:`.protocol`
says how a photo is cut and what a colorizer is told of it, :mod:`.metrics` holds the figures as
pure functions, :mod:`.scoring` those of one photo, :mod:`.rows` and :mod:`.results` what is kept of
them in files, :mod:`.tables` the columns of every table, and :mod:`.contact_sheet` lays photos side
by side to be looked at.
"""
