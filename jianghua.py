"""Jianghua (讲话): open, download and export published datasets of Chinese speech pages.

    import jianghua

    ds = jianghua.open_dataset("https://example.org/datasets/speeches", dedupe=True, previews=False)
    train = ds.pandas()

See docs/reading-data.md. Errors are JianghuaError and its kinds: they say what was wrong, where, and what to do.
"""

from __future__ import annotations

from crawler.errors import DamagedError, JianghuaError, UsageError
from publisher.download import Downloaded, download
from publisher.export import export
from publisher.finding import VersionInfo
from publisher.gone import GoneError
from publisher.reader import Dataset, open_dataset
from publisher.transfer import TransferError

__all__ = [
    "DamagedError",
    "Dataset",
    "Downloaded",
    "GoneError",
    "JianghuaError",
    "TransferError",
    "UsageError",
    "VersionInfo",
    "download",
    "export",
    "open_dataset",
]
