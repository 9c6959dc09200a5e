"""A clip's span of a video in, an mp4 of exactly that span out, or a typed reason why not.

``source`` is the seam (where videos come from), ``ytdlp`` its one implementation so far, ``failures`` turns what
hosts say into our classes, ``clip`` fetches, cuts, checks and commits.
"""

from vegas_data.fetch.clip import clip_key, fetch_digest, is_fetched, make_fetcher, read_media
from vegas_data.fetch.options import FetchOptions, SourceOptions

__all__ = [
    "FetchOptions",
    "SourceOptions",
    "clip_key",
    "fetch_digest",
    "is_fetched",
    "make_fetcher",
    "read_media",
]
