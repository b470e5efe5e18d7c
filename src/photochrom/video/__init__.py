"""Film: frames in, the same frames in colour out, with colours that hold still.

A film (:mod:`.film`) is gone through twice: once to find its shots by lightness alone
(:mod:`.shots`), and once to colour them. Within a shot the colours of the past are carried along
the motion and meet the network's fresh answers (:mod:`.propagation`); nothing crosses a cut. Only
U and V are made; Y is the film's own. What is done is kept part by part beside the result
(:mod:`.pipeline`), until all of it is joined with the film's other streams (:mod:`.assembly`).

Everything is a hint: those of a person or a reference photo are followed along the motion to both
ends of their shot (:mod:`.tracking`), and the network is asked with them.
"""
