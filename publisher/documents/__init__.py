"""The files of a version that derive from its manifest and tables.py, one module a file. publisher/cards.py puts them together."""
