"""Other people's lists → the table of clips of a workspace."""

from vegas_data.listing.build import (
    Bar,
    Listing,
    build_listing,
    check_folder,
    download_tables,
    import_listing,
    no_bar,
    tables_are_here,
)
from vegas_data.listing.imports import Form
from vegas_data.listing.options import ManifestOptions

__all__ = [
    "Bar",
    "Form",
    "Listing",
    "ManifestOptions",
    "build_listing",
    "check_folder",
    "download_tables",
    "import_listing",
    "no_bar",
    "tables_are_here",
]
