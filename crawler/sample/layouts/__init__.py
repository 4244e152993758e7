"""The layouts of the sample: kinds of site that differ in markup, addresses, charset and manners."""

from crawler.sample.layouts.base import ABOUT, ADVERT, SOFT_404, Layout
from crawler.sample.layouts.modern import LibraryLayout, RedesignedLayout, SectionLayout
from crawler.sample.layouts.old import EditorLayout, TableLayout
from crawler.sample.layouts.other import BlogLayout, TraditionalLayout, traditional

__all__ = [
    "ABOUT",
    "ADVERT",
    "SOFT_404",
    "BlogLayout",
    "EditorLayout",
    "Layout",
    "LibraryLayout",
    "RedesignedLayout",
    "SectionLayout",
    "TableLayout",
    "TraditionalLayout",
    "traditional",
]
