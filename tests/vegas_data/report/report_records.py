"""Records for the tests of the report, made by hand: clips start at 400 ms of their video, windows take 2 s."""

from vegas_data.records import Clip, Decision, Example, Media, Verdict
from vegas_data.report import Truth, WindowScores

START_MS = 400
RULE = "all_sides"


def make_clip(name: str, *categories: str, duration_ms: int = 6000) -> Clip:
    return Clip(video_id=f"demo-{name}", start_ms=START_MS, end_ms=START_MS + duration_ms, categories=categories)


def make_media(clip: Clip, duration_ms: int | None = None) -> Media:
    duration_ms = duration_ms or clip.duration_ms
    return Media(
        clip_id=clip.id,
        video_id=clip.video_id,
        start_ms=clip.start_ms,
        end_ms=clip.end_ms,
        duration_ms=duration_ms,
        sha256="ab" * 32,
        num_bytes=12_345,
        width=64,
        height=48,
        fps="25/1",
        num_frames=duration_ms // 40,
        sample_rate_hz=48_000,
        num_samples=duration_ms * 48,
        settings="0123456789ab",
    )


def make_verdicts(clip: Clip, category: str, *reasons: str) -> list[Verdict]:
    verdicts = []
    for index, reason in enumerate(reasons):
        decision: Decision = "accepted" if reason == "ok" else "undecided" if reason == "tie" else "rejected"
        start_ms = clip.start_ms + 2000 * index
        verdicts.append(
            Verdict(
                category=category,
                clip_id=clip.id,
                video_id=clip.video_id,
                start_ms=start_ms,
                end_ms=start_ms + 2000,
                decision=decision,
                reason=reason,
                rule=RULE,
            )
        )
    return verdicts


def make_scores(verdict: Verdict, heard: float, seen: float) -> WindowScores:
    return WindowScores(
        clip_id=verdict.clip_id,
        start_ms=verdict.start_ms,
        end_ms=verdict.end_ms,
        signals={"rms_dbfs": -120.0 if verdict.reason == "silent" else -20.0, "motion": 0.5},
        scores={"ears": {verdict.category: heard}, "eyes": {verdict.category: seen}},
    )


def make_example(clip: Clip, category: str, first: int, last: int) -> Example:
    return Example(
        category=category,
        clip_id=clip.id,
        video_id=clip.video_id,
        start_ms=clip.start_ms + 2000 * first,
        end_ms=clip.start_ms + 2000 * (last + 1),
    )


def make_truth(clip: Clip, category: str, fault: str, expected: str, *window_truth: bool) -> Truth:
    return Truth(
        clip_id=clip.id,
        category=category,
        fault=fault,
        expected=expected,
        window_truth=window_truth,
        sides={"heard": window_truth, "seen": window_truth},
        onsets_ms=(1000, 2500) if any(window_truth) else (),
        licence="CC0-1.0",
    )
