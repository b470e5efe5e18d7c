"""The command line: one module for each command, which takes flags and says sentences.

:mod:`.main` finds the command, and turns every error of ours into one line and an exit status.
What commands share is in :mod:`.options`. The engine is imported inside the commands, so that
``--help`` answers at once.
"""
