"""Measuring colorizers on colour photographs: their colour is taken away, given back, compared.

In come photos by name and any functions from L to ab; out come :class:`~.results.Results`: every
figure photo by photo, and the table made of them. Open ``evaluate`` first. ``protocol`` says how a
photo is cut and what a colorizer is told of it, ``metrics`` holds the figures as pure functions,
``rows`` and ``results`` what is kept of them in files, ``columns`` the columns of every table, and
``contact_sheet`` lays photos side by side to be looked at.
"""
