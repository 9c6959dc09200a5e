"""The stage *corpus*: a planned clip in, its source video in the workspace out, ready to be served."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vegas_data.demo.corpus import SOURCE, CorpusOptions, PlannedClip, corpus_digest
from vegas_data.workspace import Workspace


def corpus_folder(options: CorpusOptions) -> str:
    """Key of the folder that holds the rendered source videos."""
    return f"corpus/{corpus_digest(options)}"


def video_key(options: CorpusOptions, planned: PlannedClip) -> str:
    """Key of one rendered source video."""
    return f"{corpus_folder(options)}/{planned.clip.video_id}.mp4"


def make_renderer(options: CorpusOptions, workspace: Workspace) -> Callable[[PlannedClip], None]:
    """A worker that renders source videos.

    Raises (the worker):
        DependencyMissing: no ffmpeg. MediaError: ffmpeg failed.
    """
    import cv2

    from vegas_data.demo.compose import render_source

    cv2.setNumThreads(1)

    def render(planned: PlannedClip) -> None:
        with workspace.scratch() as folder:
            render_source(planned, options, folder / "source.mp4")
            workspace.commit_file(video_key(options, planned), folder / "source.mp4")

    return render


@contextmanager
def serve(folder: Path, planned: Iterable[PlannedClip]) -> Iterator[str]:
    """Serve the corpus on loopback; yields the address of a video with ``{id}`` where its id within the source goes."""
    from vegas_data.demo.server import MediaServer

    with MediaServer(folder, planned) as server:
        yield f"{server.base_url}/{SOURCE}-{{id}}.mp4"
