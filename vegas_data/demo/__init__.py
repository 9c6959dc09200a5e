"""The embedded corpus: real photographs and recordings, rendered into clips whose truth is known.

Enters: ``CorpusOptions`` and the files under ``assets/``. Leaves: a plan (``corpus``), source videos rendered from
it (``compose``) and a loopback web server that plays the internet (``server``). ``docs/corpus.md`` tells the story.
"""

from vegas_data.demo.assets import licence_texts
from vegas_data.demo.corpus import (
    SOURCE,
    CleanCounts,
    CorpusOptions,
    FaultCounts,
    PlannedClip,
    corpus_digest,
    plan_corpus,
)
from vegas_data.demo.stage import corpus_folder, make_renderer, serve, video_key

__all__ = [
    "SOURCE",
    "CleanCounts",
    "CorpusOptions",
    "FaultCounts",
    "PlannedClip",
    "corpus_digest",
    "corpus_folder",
    "licence_texts",
    "make_renderer",
    "plan_corpus",
    "serve",
    "video_key",
]
