"""Reading a photo with all that must survive, and writing it, whole or not at all.

In come paths, bytes of files, PIL images and arrays; out goes a :class:`photo.Photo` (sRGB pixels
of 8 or 16 bits, upright, with EXIF, XMP, IPTC, remarks and resolution), and from photos come files.
Open ``reader`` or ``writer`` first. Whatever a file holds, the worst it may cause is an error
message.

==================  =============================================================================
reading             ``reader`` → ``photo_file`` opens and checks (``limits``, ``headers``) →
                    ``decoding`` gives levels (``icc`` brings them to sRGB; ``rescue`` what is cut)
writing             ``writer`` decides where and in which format → ``encoding`` makes the bytes
metadata            ``metadata`` finds and fits it: ``exif`` (in ``ifd`` directories) and ``xmp``
formats             ``jpeg``, ``png``, ``jp2``, ``openraster``; ``sixteen_bit`` PNG and PPM;
                    ``pillow`` for the rest
TIFF                ``tiff_directories`` finds the pages, ``tiff_page`` is one of them,
                    ``tiff_decoding`` decodes it, ``tiff_writer`` writes them
captions            ``caption`` sets a line (``typesetting``, ``fonts``), and moves ``regions``
beside              ``tone`` (grey, toned or colour), ``provenance`` (our note), ``sidecar`` files
==================  =============================================================================
"""
