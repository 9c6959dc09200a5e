"""A clip into windows: integer milliseconds, in the time of the source video, whole windows only.

The paper judges every 2 seconds (Zhou et al. 2018, §3); what it does with a tail shorter than a window is not
known. Ours is dropped.
"""

from vegas_data.records import Clip, Window


def split_windows(clip: Clip, duration_ms: int, window_ms: int) -> tuple[Window, ...]:
    """Tile the first ``duration_ms`` of ``clip`` with windows; empty if not even one fits.

    Args:
        duration_ms: what the fetched media really holds, counted from the clip's start.
    """
    if duration_ms < 0 or window_ms <= 0:
        raise ValueError(f"duration_ms ({duration_ms}) and window_ms ({window_ms}) must be positive")
    count = min(duration_ms, clip.duration_ms) // window_ms
    starts = (clip.start_ms + index * window_ms for index in range(count))
    return tuple(
        Window(clip_id=clip.id, video_id=clip.video_id, start_ms=start, end_ms=start + window_ms) for start in starts
    )
