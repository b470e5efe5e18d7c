"""A photo and its colours.

In come a photo and :class:`.options.ColorizeOptions`, among them :mod:`.hints` and a reference; out
come its pages in colour, at full size and with their own lightness. From one to the other there is
one way, whoever asks: :func:`.pipeline.colorize_pages`. :class:`.colorizer.Colorizer` holds the
model, an ONNX file that keeps the contract (:mod:`.onnx_model`); :mod:`.prediction` asks it for ab,
:mod:`.hint_propagation` brings that to the hints, and :mod:`.chroma_upsampling` to full size.
:mod:`.sampling` makes other versions, as hints, of what a :class:`.generator.Generator` draws.
A :mod:`.sidecar` keeps what came of it, from which :mod:`.reapply` makes the same pages again, and
:mod:`.verification` compares them with the photo.
"""
