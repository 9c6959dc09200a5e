"""One static page and one ``summary.json`` from whatever a workspace holds.

In: ``ReportData`` and the clips' media. Out: ``report.html``, which carries everything it shows and, by its
own content security policy, can load nothing from anywhere and run no script but its own; and the summary.
What strangers wrote (ids, messages) reaches the page only through Jinja's escaping.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from vegas_data.report import listening, numerals, paper, sections, training, truth
from vegas_data.report.attrition import attrition
from vegas_data.report.curves import UNIFORM_NATS
from vegas_data.report.data import ReportData, TrainVerb
from vegas_data.report.listening import Listening
from vegas_data.report.motion import colour_wheel, tvl1_strip
from vegas_data.report.pictures import FlowStrip
from vegas_data.report.summary import summary
from vegas_data.report.timeline import Timeline, build, choose
from vegas_data.workspace import Workspace

if TYPE_CHECKING:
    from jinja2 import Environment

REPORT_KEY: Final = "report.html"
SUMMARY_KEY: Final = "summary.json"
MAX_FAILURES: Final = 200  # listed one by one; the table above them counts all
_TEMPLATES: Final = Path(__file__).parent / "templates"
_USER_COMMANDS: Final = ("fetch", "verify", "featurize")


def write_report(
    data: ReportData,
    workspace: Workspace,
    *,
    media_path: Callable[[str], Path],
    flow_strip: FlowStrip | None = tvl1_strip,
) -> None:
    """Commit ``report.html`` and ``summary.json``.

    Args:
        media_path: where the mp4 of a clip id lies. flow_strip: motion in colours, or None for none.
    """
    timelines = tuple(build(data, pair, media_path, flow_strip) for pair in choose(data))
    with workspace.scratch() as scratch:
        heard = tuple(listening.build(data, one, media_path, scratch) for one in listening.choose(data))
    workspace.commit_bytes(REPORT_KEY, render(data, timelines, heard).encode("utf-8", "replace"))
    workspace.commit_json(SUMMARY_KEY, summary(data))


def render(data: ReportData, timelines: Sequence[Timeline] = (), heard: Sequence[Listening] = ()) -> str:
    """The whole page as HTML text."""
    templates = environment()
    script = templates.get_template("page.js").render()
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'sha256-{hashed}'"
    )
    return templates.get_template("page.html.j2").render(
        _context(data, timelines), **_trained_context(data, heard), policy=policy
    )


def environment(*folders: Path) -> "Environment":
    """Templates of the report and of ``folders``, everything escaped, with the filters of ``numerals``."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader([*folders, _TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    for filter_ in (
        numerals.thousands,
        numerals.plural,
        numerals.percent,
        numerals.fixed,
        numerals.duration,
        numerals.size,
        numerals.phrase,
    ):
        made.filters[filter_.__name__] = filter_
    return made


def _context(data: ReportData, timelines: Sequence[Timeline]) -> dict[str, Any]:
    numbers = summary(data)
    levels = attrition(data)
    by_category = {name: attrition(data, name) for name in data.category_names}
    rows, total = sections.length_rows(data)
    endings = truth.endings(data)
    return {
        "data": data,
        "numbers": numbers,
        "headline": sections.headline(data, numbers),
        "tiles": sections.tiles(data, numbers),
        "paper": paper,
        "splits": sections.SPLITS,
        "length_rows": rows,
        "length_total": total,
        "length_bins": sections.length_bins(data.examples),
        "length_pies": sections.length_pies(data),
        "levels": levels,
        "attrition_rows": sections.attrition_rows(levels, by_category),
        "attrition_chart": sections.attrition_chart(data, levels, by_category) if data.clips else "",
        "max_failures": MAX_FAILURES,
        "score_panels": sections.score_panels(data),
        "confusion": truth.confusion(data),
        "confusions": [(data.title(name), truth.confusion(data, name)) for name in data.category_names],
        "sides": [(title, found) for title, found in _sides(data) if found],
        "faults": [ending for ending in endings if ending.truth.fault],
        "clean": [ending for ending in endings if not ending.truth.fault],
        "timelines": timelines,
        "wheel": colour_wheel() if any(line.show and line.show.flow for line in timelines) else "",
        "stage_bars": sections.stage_bars(data.seconds),
        "reproduce": data.reproduce or tuple(_commands(data)),
    }


def _sides(data: ReportData) -> Iterator[tuple[str, dict[str, truth.Confusion]]]:
    """Each side by itself, of each category and of all."""
    for name in data.category_names:
        yield data.title(name), truth.by_side(data, name)
    yield "All", truth.by_side(data)


def _commands(data: ReportData) -> Iterator[str]:
    """What a user typed for all this; the page comes last."""
    yield from (data.command(verb) for verb in _USER_COMMANDS)
    for model in data.trained:
        yield from (data.train_command(verb, model.category, model.model) for verb in get_args(TrainVerb))
    yield data.command("report")


def _trained_context(data: ReportData, heard: Sequence[Listening]) -> dict[str, Any]:
    loss_rows = training.loss_rows(data)
    return {
        "training_todos": training.training_todos(data),
        "run_rows": training.run_rows(data),
        "loss_panels": training.loss_panels(data),
        "loss_rows": loss_rows,
        "loss_counts": training.loss_counts(loss_rows),
        "evaluation_todos": training.evaluation_todos(data),
        "bits": training.BITS_PER_NAT,
        "uniform_nats": UNIFORM_NATS,
        "heard": heard,
        "sound_todos": listening.sound_todos(data),
        "onset_panels": training.onset_panels(data),
        "onset_todos": training.onset_todos(data),
    }
