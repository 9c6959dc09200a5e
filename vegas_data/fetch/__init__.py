"""A clip's span of a video in, an mp4 of exactly that span out, or a typed reason why not.

options    what a recipe says: sources, limits, the cut
source     the seam: where videos come from, and what a place is opened with
chain      all sources of a recipe, opened; those of one name are asked in order
youtube    a site that yt-dlp understands: extractor (yt-dlp under our rules), formats, failures (what it says)
direct     a web server that has a file for each id
local      a folder of videos that somebody already has
spans      the clip's piece of a remote file: ranges over web (HTTP under limits), addresses, wire, answers, cookies
pace       turns at a source, shared by all processes
plan       what a fetch would ask for, and how long that takes
clip       bring, cut, check, commit
"""

from vegas_data.fetch.clip import (
    Fetched,
    came_from_folder,
    clip_key,
    fetch_digest,
    is_fetched,
    make_fetcher,
    make_looker,
    read_media,
)
from vegas_data.fetch.local import NotHere
from vegas_data.fetch.options import ANYONE, Access, FetchOptions, SourceOptions
from vegas_data.fetch.pace import longest_wait_s
from vegas_data.fetch.plan import FetchPlan, SourcePlan, plan_fetch
from vegas_data.fetch.source import Download, Opener, Opening, Source

__all__ = [
    "ANYONE",
    "Access",
    "Download",
    "FetchOptions",
    "FetchPlan",
    "Fetched",
    "NotHere",
    "Opener",
    "Opening",
    "Source",
    "SourceOptions",
    "SourcePlan",
    "came_from_folder",
    "clip_key",
    "fetch_digest",
    "is_fetched",
    "longest_wait_s",
    "make_fetcher",
    "make_looker",
    "plan_fetch",
    "read_media",
]
