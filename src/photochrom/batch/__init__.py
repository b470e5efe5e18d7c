"""Colouring many photos, in threads or on a cluster, and remembering what is done.

In come paths, patterns and folders with :class:`.options.BatchOptions`; :mod:`.planning` gives
every photo the name of its result. :class:`.worker.Worker` takes one from file to file by
``colorize_pages`` and keeps its errors from the others; :mod:`.pool` runs many in threads,
:mod:`.ray_data` on many machines, :mod:`.watch` as they arrive. Out come files, an ``Outcome`` for
each photo, :mod:`.companions` of the results, and a :mod:`.journal` beside them from which
interrupted work goes on.
"""
