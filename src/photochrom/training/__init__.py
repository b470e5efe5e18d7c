"""Training a colorizer and exporting it: the only room with torch (``photochrom[train]``).

In come an :class:`~presets.Experiment` (what to compute) and :class:`~presets.TrainOptions` (where
and how long); out goes a run folder (run_folder.py says what is in it), and by export.py an ONNX
file that the runtime colours with. Open train.py first: the loop, from top to bottom. setup.py
makes what it uses: the data (training_data.py, loader.py, augmentation.py, degrade.py), a network
of models/ with its head (heads.py), and the state that is checkpointed (train_state.py).
"""
