"""One file a revision, rNNNN_what.py, in order."""
