"""A few clips in full: key frames, motion, sound and verdicts on one time axis.

Which clips: for each category one that was accepted throughout, then one that was accepted in part, then
rejected ones. Among equals the sha256 of the id draws, so that nobody picks the pretty ones.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from markupsafe import Markup

from vegas_data.errors import VegasError
from vegas_data.records import Clip, Media
from vegas_data.report.data import ReportData, Threshold, Truth, WindowScores
from vegas_data.report.figures import waveform
from vegas_data.report.numerals import plural, signed
from vegas_data.report.pictures import FlowStrip, key_frames, player, sound_outline, webp
from vegas_data.verify.flaws import FLAWS

MAX_TIMELINES: Final = 6
_MAX_ACCEPTED: Final = 4
_MAX_REJECTED: Final = 2
_MAX_PICTURES: Final = 12


Candidate = tuple[str, str]  # clip id, category


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One score of a window beside what it takes for a yes; ``side`` is empty for a scorer without a limit."""

    side: str
    scorer: str
    value: float
    limit: float | None

    @property
    def passes(self) -> bool:
        return self.limit is None or self.value >= self.limit


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One window on the time axis; ``decision`` is empty where there is no window (the tail)."""

    start_ms: int
    end_ms: int
    decision: str
    reason: str
    measured: tuple[Measured, ...] = ()
    signal: str = ""
    planted: bool | None = None

    @property
    def span_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class Show:
    """What can be seen and heard of a clip; pictures and flow stand ``step_ms`` apart from 0 on."""

    step_ms: float
    pictures: tuple[str, ...]
    flow: tuple[str, ...]
    sound: Markup
    player: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """One clip, ready to be laid out; ``trouble`` says why there is no ``show`` of its media."""

    clip: Clip
    media: Media
    category: str
    blocks: tuple[Block, ...]
    truth: Truth | None = None
    show: Show | None = None
    trouble: str = ""

    @property
    def duration_ms(self) -> int:
        return self.media.duration_ms

    @property
    def outcome(self) -> str:
        """``accepted``, ``rejected`` or ``partial``: what became of the clip's windows."""
        decisions = {block.decision for block in self.blocks if block.decision}
        if "accepted" not in decisions:
            return "rejected"
        return "partial" if len(decisions) > 1 else "accepted"

    @property
    def headline(self) -> str:
        """How many of its windows were accepted."""
        decisions = [block.decision for block in self.blocks if block.decision]
        return f"{decisions.count('accepted')} of {plural(len(decisions), 'window')} accepted"

    @property
    def rest_ms(self) -> float:
        """What follows the last picture's share of the axis."""
        return max(0.0, self.duration_ms - self.show.step_ms * len(self.show.pictures)) if self.show else 0.0

    @property
    def ticks_s(self) -> tuple[int, ...]:
        """Whole seconds to write under the axis."""
        return tuple(range(self.duration_ms // 1000 + 1))


def choose(data: ReportData) -> tuple[Candidate, ...]:
    """The clips to show, at most six (clip id, category), accepted ones first."""
    listed = {clip.id for clip in data.clips}
    groups: dict[Candidate, list[str]] = {}
    for verdict in data.verdicts:
        if verdict.clip_id in data.media and verdict.clip_id in listed:
            groups.setdefault((verdict.clip_id, verdict.category), []).append(verdict.decision)
    whole = [pair for pair, decisions in groups.items() if set(decisions) == {"accepted"}]
    part = [pair for pair, decisions in groups.items() if "accepted" in decisions and len(set(decisions)) > 1]
    none = [pair for pair, decisions in groups.items() if "accepted" not in decisions]
    shown = [drawn for name in data.category_names for drawn in _draw((pair for pair in whole if pair[1] == name), 1)][
        :_MAX_ACCEPTED
    ]
    shown += _draw(part, 1)
    shown += _draw_unlike(data, none, min(_MAX_REJECTED, MAX_TIMELINES - len(shown)))
    return tuple(shown)


def _draw(pairs: Iterable[Candidate], number: int) -> list[Candidate]:
    return sorted(pairs, key=lambda pair: hashlib.sha256("/".join(pair).encode()).hexdigest())[:number]


def _draw_unlike(data: ReportData, pairs: list[Candidate], number: int) -> list[Candidate]:
    """Draw rejected clips, another first reason each time as long as there is one."""
    reasons: dict[Candidate, str] = {}
    for verdict in data.verdicts:
        reasons.setdefault((verdict.clip_id, verdict.category), verdict.reason)
    drawn: list[Candidate] = []
    order = _draw(pairs, len(pairs))
    while order and len(drawn) < number:
        seen = {reasons[pair] for pair in drawn}
        best = min(order, key=lambda pair: reasons[pair] in seen)
        order.remove(best)
        drawn.append(best)
    return drawn


def picture_times(duration_ms: int, window_ms: int) -> tuple[Fraction, ...]:
    """When the key frames are taken: equal steps, an even number in every window, twelve at most in all."""
    windows = max(1, duration_ms // window_ms)
    per_window = max(2, _MAX_PICTURES // windows // 2 * 2)
    step_ms = Fraction(window_ms, per_window)
    return tuple(index * step_ms / 1000 for index in range(windows * per_window))


def build(
    data: ReportData, pair: Candidate, media_path: Callable[[str], Path], flow_strip: FlowStrip | None
) -> Timeline:
    """Gather one clip's verdicts, scores and media; media that fail leave the reason in ``trouble``."""
    clip_id, category = pair
    clip = next(clip for clip in data.clips if clip.id == clip_id)
    media = data.media[clip_id]
    truth = next((t for t in data.truth if (t.clip_id, t.category) == pair), None)
    show, trouble = None, ""
    try:
        show = _show(media_path(clip_id), media, truth, data.window_ms, flow_strip)
    except (VegasError, OSError) as error:
        trouble = str(error)
    parts = blocks(data, clip, category, media.duration_ms, truth)
    return Timeline(clip=clip, media=media, category=category, blocks=parts, truth=truth, show=show, trouble=trouble)


def _show(path: Path, media: Media, truth: Truth | None, window_ms: int, flow_strip: FlowStrip | None) -> Show:
    times_s = picture_times(media.duration_ms, window_ms)
    step_s = times_s[1] - times_s[0]
    onsets_ms = truth.onsets_ms if truth else ()
    described = f"Waveform of {media.duration_ms / 1000:g} s, magnified to its loudest sample"
    if onsets_ms:
        described += f", with {plural(len(onsets_ms), 'planted onset')} marked"
    return Show(
        step_ms=float(1000 * step_s),
        pictures=key_frames(path, times_s),
        flow=tuple(webp(picture) for picture in flow_strip(path, (*times_s, times_s[-1] + step_s)))
        if flow_strip
        else (),
        sound=waveform(
            sound_outline(path, media),
            onsets=[onset_ms / media.duration_ms for onset_ms in onsets_ms],
            title=described,
        ),
        player=player(path),
    )


def blocks(data: ReportData, clip: Clip, category: str, duration_ms: int, truth: Truth | None) -> tuple[Block, ...]:
    """The clip's windows in order, with the uncovered rest as blocks without a decision; times from its start."""
    scores = {window.start_ms: window for window in data.scores if window.clip_id == clip.id}
    own = [v for v in data.verdicts if (v.clip_id, v.category) == (clip.id, category)]
    found: list[Block] = []
    now_ms = 0
    for verdict in sorted(own, key=lambda verdict: verdict.start_ms):
        start_ms, end_ms = verdict.start_ms - clip.start_ms, verdict.end_ms - clip.start_ms
        if start_ms > now_ms:
            found.append(Block(start_ms=now_ms, end_ms=start_ms, decision="", reason=""))
        index = start_ms // data.window_ms
        planted = truth.window_truth[index] if truth and 0 <= index < len(truth.window_truth) else None
        known = scores.get(verdict.start_ms)
        found.append(
            Block(
                start_ms=start_ms,
                end_ms=end_ms,
                decision=verdict.decision,
                reason=verdict.reason,
                measured=_measured(data.thresholds, known, category),
                signal=_signal(verdict.reason, known),
                planted=planted,
            )
        )
        now_ms = end_ms
    if now_ms < duration_ms:
        found.append(Block(start_ms=now_ms, end_ms=duration_ms, decision="", reason=""))
    return tuple(found)


def _signal(reason: str, scores: WindowScores | None) -> str:
    """The measured signal that a reason is about, in words; empty if the reason is not about one."""
    flaw = FLAWS.get(reason)
    if flaw is None or scores is None or flaw.signal not in scores.signals:
        return ""
    return flaw.words.format(signed(scores.signals[flaw.signal], flaw.digits))


def _measured(thresholds: Sequence[Threshold], scores: WindowScores | None, category: str) -> tuple[Measured, ...]:
    if scores is None:
        return ()
    limits = limits_of(thresholds, category)
    return tuple(
        Measured(
            side=limits[scorer].side if scorer in limits else "",
            scorer=scorer,
            value=by_category[category],
            limit=limits[scorer].accept if scorer in limits else None,
        )
        for scorer in [*limits, *sorted(scores.scores.keys() - limits.keys())]
        if category in (by_category := scores.scores.get(scorer, {}))
    )


def limits_of(thresholds: Sequence[Threshold], category: str) -> dict[str, Threshold]:
    """The threshold of each scorer for one category; one of its own goes before a general one."""
    general = {limit.scorer: limit for limit in thresholds if not limit.category}
    return general | {limit.scorer: limit for limit in thresholds if limit.category == category}
