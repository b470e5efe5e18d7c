"""The command line, with one module for each command.

:mod:`.main` finds the command, and turns every error of ours into one line and an exit status.
What commands share is in :mod:`.options`. Heavy modules are imported inside the commands, so that
``--help`` answers at once.
"""
