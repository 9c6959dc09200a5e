"""The page: complete, closed to the outside, deaf to markup in data, and there for any workspace."""

import base64
import dataclasses
import hashlib
import html.parser
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vegas_data.records import Category
from vegas_data.report import ReportData, listening
from vegas_data.report.page import MAX_FAILURES, render, write_report
from vegas_data.report.summary import summary
from vegas_data.report.timeline import build, choose
from vegas_data.workspace import Workspace

VOID = {"meta", "link", "img", "br", "hr", "input", "source", "wbr"}
STYLE = Path(render.__code__.co_filename).parent / "templates" / "style.css"


class Page(html.parser.HTMLParser):
    """Parses a page and insists that every element is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def full(learned: ReportData, media_path: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    scratch = tmp_path_factory.mktemp("scratch")
    return render(
        learned,
        [build(learned, pair, media_path, None) for pair in choose(learned)],
        [listening.build(learned, one, media_path, scratch) for one in listening.choose(learned)],
    )


def stages(learned: ReportData) -> dict[str, ReportData]:
    """The workspace as it is after each command."""
    planted = dataclasses.replace(learned, trained=(), onsets={})
    listed = dataclasses.replace(
        planted,
        **dict.fromkeys(("failures", "verdicts", "scores", "examples", "shards", "seconds"), ()),
        media={},
        splits={},
    )
    fetched = dataclasses.replace(listed, media=planted.media, failures=planted.failures)
    verified = dataclasses.replace(planted, shards=())
    nothing_fits = dataclasses.replace(verified, examples=())
    return {
        "empty": ReportData(recipe_name="demo"),
        "listed": listed,
        "fetched": fetched,
        "verified": verified,
        "nothing fits": nothing_fits,
        "done": planted,
        "learned": learned,
    }


def test_commits_a_page_and_a_summary(
    learned: ReportData, media_path: Callable[[str], Path], workspace: Workspace
) -> None:
    write_report(learned, workspace, media_path=media_path)
    page = workspace.path("report.html").read_text(encoding="utf-8")
    assert json.loads(workspace.path("summary.json").read_text()) == summary(learned)
    assert len(Page(page).all("video")) == 3 + 3, "clips in full; original, frame and seq"
    write_report(learned, workspace, media_path=media_path)
    assert workspace.path("report.html").read_text(encoding="utf-8") == page, "same workspace, same bytes"


@pytest.mark.parametrize("stage", ["empty", "listed", "fetched", "verified", "nothing fits", "done", "learned"])
def test_there_is_a_page_for_every_state_of_a_workspace(stage: str, learned: ReportData) -> None:
    page = Page(render(stages(learned)[stage]))
    (heading,) = (i for i, (tag, _) in enumerate(page.elements) if tag == "h1")
    assert heading
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    referred = {a[key] for _, a in page.elements for key in ("aria-labelledby",) if key in a}
    referred |= {(a["href"] or "").removeprefix("#") for a in page.all("a")}
    assert referred <= set(ids)


@pytest.mark.parametrize(
    ("stage", "headline", "command"),
    [
        ("empty", "Nothing is listed yet", "vegas-data fetch"),
        ("listed", "7 clips listed, none fetched yet", "vegas-data fetch --workspace demo-workspace"),
        ("fetched", "4 of 7 clips fetched, none verified yet", "vegas-data verify --workspace demo-workspace"),
        ("verified", "7 clips became 3 examples of drum", "vegas-data featurize --workspace demo-workspace"),
        ("nothing fits", "11 windows verified, none fit for an example", "the reasons stand under Attrition"),
        ("done", "7 clips became 3 examples of drum", "python -m train.run --model frame --category drum"),
        ("learned", "7 clips became 3 examples of drum", "python -m train.generate --model flow --category drum"),
    ],
)
def test_says_where_the_workspace_stands_and_what_to_type(
    stage: str, headline: str, command: str, learned: ReportData
) -> None:
    text = Page(render(stages(learned)[stage])).text.replace("\u00a0", " ")
    assert headline in text
    assert command in text


def test_shows_the_numbers_of_the_paper_and_ours(full: str) -> None:
    text = Page(full).text.replace("\u00a0", " ")
    assert "Drum 3 2 0 1 4.0 ± 1.6 2,606 7.4 ± 3.2" in text
    assert "18.8 %" in text
    assert "uncalibrated" in text
    assert "rejected: silent; all of 2 windows ✓ ok" in text
    assert "0.857 0.487 – 0.974" in text, "recall of 6 in 7 with Wilson's interval"


def test_shows_what_was_learned(full: str) -> None:
    text = Page(full).text.replace("\u00a0", " ")
    assert "Drum frame demo seed 7 412,672 400 of 400 1 min 40 s 2.000 2.885 2.100" in text
    assert "Drum flow demo seed 7 412,672 100 of 400 25 s 2.750 3.967 – not finished" in text
    assert "Drum frame 1.8231 2.630 bits 1.9512 2.815 bits 1.8400 2.655 bits 1.9700 2.842 bits 2.6143 2.7061" in text
    assert "Drum seq older checkpoint" in text
    assert "Drum frame 0.51 0.44 – 0.57 0.29 0.66 0.53 0.49 266 above shuffled" in text
    assert "Drum seq older checkpoint 0.30 0.23 – 0.36 0.29 0.66 0.53 0.49 266 not above shuffled" in text
    assert "run.json: not a JSON object. delete the file" in text
    assert "onset F1 up to 0.51; shuffled 0.29" in text
    assert not re.search(r"\b(nan|inf|None)\b", text)


def test_without_models_only_training_is_told_of(planted: ReportData) -> None:
    page = Page(render(planted))
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert "training" in ids
    assert not ids & {"table-1", "sound", "onsets"}


def test_every_sound_has_a_named_button_and_a_film(full: str) -> None:
    page = Page(full)
    buttons = [a for a in page.all("button") if a.get("class") == "play"]
    assert [a["aria-label"] for a in buttons] == ["Play original", "Play frame", "Play seq"]
    films = [a for a in page.all("video") if a.get("data-name")]
    assert [a["data-name"] for a in films] == ["original", "frame", "seq"]


def test_random_weights_are_shouted_of(planted: ReportData) -> None:
    assert "mean nothing" not in Page(render(planted)).text
    assert summary(planted)["random_streams"] == []
    weights = (("lite0", "ab" * 32), ("flow_lite0", "random-7"))
    drawn = dataclasses.replace(
        planted, shards=tuple(dataclasses.replace(shard, weights=weights) for shard in planted.shards)
    )
    text = " ".join(Page(render(drawn)).text.split())
    assert "The features mean nothing. The weights behind flow_lite0 were drawn at random" in text
    assert summary(drawn)["random_streams"] == ["flow_lite0"]


def test_a_mismatch_is_called_one(planted: ReportData) -> None:
    wrong = tuple(
        dataclasses.replace(t, expected="rejected:still") if t.fault == "silent" else t for t in planted.truth
    )
    assert "✕ mismatch" in Page(render(dataclasses.replace(planted, truth=wrong))).text
    assert "✕ mismatch" not in Page(render(planted)).text


def test_each_side_has_its_precision_and_recall(planted: ReportData) -> None:
    text = " ".join(Page(render(planted)).text.split())
    assert "Each side by itself" in text
    assert re.search(r"Drum\s*seen\s*9\s*0\.750\s*0\.409 – 0\.929\s*0\.857", text), text
    assert "Each side by itself" not in Page(render(dataclasses.replace(planted, scores=()))).text


def test_refers_to_nothing_outside(full: str) -> None:
    page = Page(full)
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "poster", "action", "data", "srcset"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:")), f"<{tag} {name}={value[:60]}>"
    without_data = re.sub(r"data:[a-z0-9/]+;base64,[A-Za-z0-9+/=]+", "", full)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", without_data)


def test_the_policy_forbids_everything_but_our_own_script(full: str) -> None:
    (policy,) = (a["content"] for a in Page(full).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    (script,) = re.findall(r"<script>(.*?)</script>", full, re.DOTALL)
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{hashed}'" in policy


def test_markup_in_data_stays_text(
    hostile: ReportData, learned: ReportData, media_path: Callable[[str], Path], workspace: Workspace
) -> None:
    write_report(hostile, workspace, media_path=media_path, flow_strip=None)
    page = Page(workspace.path("report.html").read_text(encoding="utf-8"))
    tame = Page(render(learned, [build(learned, pair, media_path, None) for pair in choose(learned)]))
    assert [tag for tag, _ in page.elements if tag in ("script", "iframe", "a", "style")] == [
        tag for tag, _ in tame.elements if tag in ("script", "iframe", "a", "style")
    ]
    assert not [a for a in page.all("img") if not (a["src"] or "").startswith("data:image/webp")]
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert page.text.count("alert('x')") >= 16


def test_no_template_switches_escaping_off() -> None:
    for template in sorted(STYLE.parent.iterdir()):
        assert not re.search(r"\|\s*safe|autoescape|Markup", template.read_text(encoding="utf-8")), template.name


def test_can_be_read_without_eyes(full: str) -> None:
    page = Page(full)
    assert all(a.get("alt") for a in page.all("img"))
    assert all(a.get("aria-hidden") == "true" or a.get("role") == "img" for a in page.all("svg"))
    assert all(a.get("aria-label") for a in page.all("video"))
    assert len(page.all("caption")) + full.count('aria-label="Failed clips"') == len(page.all("table"))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert page.all("html")[0]["lang"] == "en"


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast_of_text_is_at_least_4_5(scheme: int) -> None:
    """WCAG 2.2, 1.4.3."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), re.DOTALL)
    colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", blocks[scheme]))
    pairs = [(ink, paper) for ink in ("ink", "soft", "kept", "frame", "seq", "flow") for paper in ("paper", "panel")]
    pairs += [(f"{kind}-ink", f"{kind}-tint") for kind in ("accepted", "rejected", "undecided")]
    for ink, paper in pairs:
        bright, dark = sorted((luminance(colours[ink]), luminance(colours[paper])), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, f"{ink} on {paper}"


def test_thousands_of_failures_do_not_make_thousands_of_rows(planted: ReportData) -> None:
    many = tuple(dataclasses.replace(planted.failures[0], clip_id=f"demo-{i}_000000000") for i in range(5000))
    page = Page(render(dataclasses.replace(planted, failures=many)))
    assert page.text.count("HTTP Error 404") == MAX_FAILURES
    assert "vegas-data status --workspace demo-workspace" in page.text


def test_ten_categories_and_a_category_nobody_knows(planted: ReportData) -> None:
    names = [f"category_{i}" for i in range(9)]
    data = dataclasses.replace(planted, categories=tuple(Category(name=name, title=name.title()) for name in names))
    assert data.category_names == (*names, "dog", "drum")
    assert "category 8" not in Page(render(data)).text.split("Planted truth")[0].lower().split("attrition", 1)[0]


def test_describing_a_report_loads_nothing_heavy() -> None:
    code = "import sys, vegas_data.report, vegas_data.report.page; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "cv2", "torch", "av", "jinja2", "pandas", "pyarrow"}.intersection(loaded)
