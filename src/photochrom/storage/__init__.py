"""Where photos and models lie: on this machine, or elsewhere.

In comes what a user or a list names: files, folders, patterns, addresses. Out come the photos
there, without what is hidden, what other programs keep, and our own results. Begin with
``search.find_photos``; ``remote`` holds what a URL needs, by fsspec.

Of a model's address comes its file: ``model_address`` reads it, ``hub`` asks the Hugging Face Hub
what it means, ``download`` fetches it over ``https``, and ``model_cache`` keeps it.
"""
