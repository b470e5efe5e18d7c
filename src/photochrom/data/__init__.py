"""Training photos: fetching, cleaning and packing them, and reading them from wherever they lie.

In come folders, tar shards, lists and URLs; out come photos as pixels, one after another or as a
decoded set, or a folder of them. Begin with ``shards``, which finds photos; ``decode`` turns bytes
into pixels; ``cache`` and ``stream`` are what training reads from; ``pexels``, ``curate`` and
``pack`` are behind the commands of ``photochrom data``.
"""
