"""A study as one page: what was measured, what it says to the claims, and photographs to look at.

In come run folders and files of figures, by ``runs.read_study``, and what paints and finds photos;
out goes one .html file that asks for nothing. Open ``document`` first: it puts together what
``claims``, ``curves``, ``chroma_plane``, ``toy`` and ``examples`` make of the figures.
``run_files`` reads what a training left behind, and ``settings`` tells it in words.
"""
