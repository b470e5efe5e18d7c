"""A study as one page: figures, what they say about the claims, and photographs to look at.

In come run folders and files of figures, by ``runs.read_study``, and what paints and finds photos;
out goes one .html file that loads nothing else. Open ``document`` first: it puts together what
``claims``, ``curves``, ``chroma_plane``, ``toy`` and ``examples`` make of the figures.
``run_files`` reads what a training left behind, and ``settings`` puts it into words.
"""
