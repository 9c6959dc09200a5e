"""Drawings against what they must show: shares, heights, places."""

import re
from itertools import pairwise

import pytest

from vegas_data.report import ReportData, Threshold
from vegas_data.report.attrition import attrition
from vegas_data.report.figures import bar, pie, score_histogram, waveform
from vegas_data.report.sections import attrition_chart, attrition_rows
from vegas_data.report.svg import tag


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def test_a_tag_escapes_what_it_is_given() -> None:
    assert tag("text", "<b>&", class_='"x"', x=1.0, y=2.345, z=None) == (
        '<text class="&#34;x&#34;" x="1" y="2.35">&lt;b&gt;&amp;</text>'
    )
    assert tag("g", tag("rect", width=-0.001)) == '<g><rect width="0"/></g>'


def test_a_quarter_of_a_pie_ends_at_three_o_clock() -> None:
    drawing = pie((1, 3), title="t")
    quarter, rest = re.findall(r'd="M50 50L([^"]*)"', drawing)
    assert numbers(quarter) == [50, 2, 48, 48, 0, 0, 1, 98, 50]
    assert numbers(rest) == [98, 50, 48, 48, 0, 1, 1, 50, 2]


def test_a_whole_pie_is_a_circle_and_an_empty_one_says_so() -> None:
    assert '<circle cx="50" cy="50" r="48" class="slice bin1"/>' in pie((0, 4), title="t")
    assert "slice" not in pie((0, 0), title="t")


def test_a_bar_stays_inside_its_cell() -> None:
    assert 'x="75" y="0" width="25"' in bar(0.5, kind="kept", start=0.75)
    assert 'x="0" y="0" width="100"' in bar(7.0, kind="kept")


def test_a_waveform_is_magnified_to_its_loudest_sample() -> None:
    drawing = waveform([(-0.1, 0.2), (-0.2, 0.1)], onsets=[0.5, 1.5], title="t")
    (path,) = re.findall(r'class="sound"', drawing) and re.findall(r'd="M([^"]*)Z"', drawing)
    assert numbers(path) == [0, 2, 1, 26, 1, 98, 0, 74]
    assert drawing.count('class="onset"') == 1, "an onset outside the clip is not drawn"


def test_silence_is_a_flat_line() -> None:
    (path,) = re.findall(r'd="M([^"]*)Z"', waveform([(0.0, 0.0)] * 3, onsets=[], title="t"))
    assert set(numbers(path)[1::2]) == {50}


def test_a_histogram_has_as_many_bars_as_filled_bins() -> None:
    limit = Threshold(scorer="ears", side="heard", accept=0.5, reject=0.25)
    drawing = score_histogram([1.0, 0.99, 0.6], [0.0], limit=limit, title="t")
    assert drawing.count('class="present"') == 2
    assert drawing.count('class="absent"') == 1
    assert re.findall(r'x1="(\d+)" x2="\1"', drawing) == ["85", "160"]
    assert "yes from 0.5, uncalibrated" in drawing


def test_a_calibrated_threshold_is_not_called_uncalibrated() -> None:
    limit = Threshold(scorer="ears", side="heard", accept=0.5, reject=0.5, calibrated=True)
    assert "uncalibrated" not in score_histogram([1.0], [], limit=limit, title="t")


def test_ribbons_are_as_high_as_what_they_carry(planted: ReportData) -> None:
    levels = attrition(planted)
    chart = attrition_chart(planted, levels, {name: attrition(planted, name) for name in ("drum", "dog")})
    heights = [float(height) for height in re.findall(r'height="([\d.]+)" class="node"', chart)]
    assert [h / heights[0] for h in heights] == pytest.approx([1, 22.5 / 40.5, 22 / 40.5, 12 / 40.5], abs=1e-3)
    assert "removed 1" in chart
    assert "not heard 2" in chart


def test_bars_of_the_table_step_down_from_level_to_level(planted: ReportData) -> None:
    rows = attrition_rows(attrition(planted), {})
    ends = [round(sum(numbers(row.bar)[4:7:2])) for row in rows if row.kind == "failed"]
    assert ends == [100, 85]
    assert all(a.total.ms >= b.total.ms for a, b in pairwise([row for row in rows if not row.kind]))
