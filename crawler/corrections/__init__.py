"""Corrections: what people found wrong in a speech and put right, in YAML files that are reviewed like code (docs/correcting.md).

    entries.py   the files of a home: read, validated, added to
    apply.py     one row as read and its corrections → the row as published; pure
    match.py     all rows at once, and which corrections no longer match
    cli.py       `jianghua corrections`

A correction names a speech by its id, or a text by its digest as it was read; neither changes when rules, profile or extractor do, so
a correction outlives every re-extraction. Records stay as they were read: corrections are applied when a version is made.
"""
