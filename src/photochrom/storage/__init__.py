"""Where photos lie: on this machine or at a URL that fsspec knows, and which files are photos.

In comes what a user or a list names: files, folders, patterns, addresses. Out come the photos
there, without what is hidden, what other programs keep, and our own results. Begin with
``search.find_photos``; ``remote`` holds what a URL needs.
"""
