"""Loss curves and score bars: points where they belong, labels that do not cover one another."""

import math
import re
from itertools import pairwise

import pytest

from vegas_data.report.curves import UNIFORM_NATS, Curve, loss_chart, score_bar, thin_out


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)]


def chart_of(*curves: Curve) -> tuple[str, dict[str, float]]:
    chart = loss_chart(curves, title="t")
    return str(chart.drawing), {label.words: label.percent for label in chart.labels}


def test_a_point_stands_at_its_update_and_its_loss() -> None:
    chart = loss_chart([Curve(name="frame", training=((0, 5.0), (100, 3.0), (200, 2.0)))], title="t")
    (line,) = re.findall(r'd="M([^"]*)" class="loss-line frame"', chart.drawing)
    points = places(line)
    assert [x for x, _ in points] == [0, 500, 1000]
    heights = {tick.words: tick.percent for tick in chart.nats}
    assert [y / 10 for _, y in points] == pytest.approx([heights["5"], heights["3"], heights["2"]], abs=0.01)
    share = (chart.uniform.percent - heights["5"]) / (heights["4"] - heights["5"])
    assert share == pytest.approx(5 - UNIFORM_NATS, abs=1e-3), "the uniform guess is on the same scale"


def test_steps_are_round_numbers_inside_the_drawing() -> None:
    for last in (1, 7, 40, 400, 999, 123_456):
        ticks = loss_chart([Curve(name="frame", training=((last, 2.0),))], title="t").steps
        assert ticks[0].percent == 0
        assert 2 <= len(ticks) <= 7
        assert all(0 <= tick.percent <= 100 for tick in ticks)


def test_validation_is_dots_and_may_stand_alone() -> None:
    drawing, labels = chart_of(Curve(name="seq", training=(), validation=((10, 2.5),)))
    assert "loss-line" not in drawing
    assert drawing.count("h0") == 2, "a dot and the halo under it"
    assert list(labels) == ["seq 2.50"]


def test_labels_of_equal_losses_keep_a_line_apart_and_their_order() -> None:
    curves = [Curve(name=name, training=((100, nats),)) for name, nats in (("a", 2.0), ("b", 2.001), ("c", 1.999))]
    _, labels = chart_of(*curves)
    assert list(labels) == ["b 2.00", "a 2.00", "c 2.00"], "from top to bottom"
    assert all(below - above >= 6.5 for above, below in pairwise(labels.values()))


def test_a_loss_that_explodes_does_not_flatten_the_others() -> None:
    calm = loss_chart([Curve(name="a", training=((0, 5.5), (9, 2.0)))], title="t")
    wild = loss_chart([Curve(name="a", training=((0, 5.5), (9, 1e300)))], title="t")
    assert len(wild.nats) <= len(calm.nats) + 4
    assert all(0 <= label.percent <= 100 for label in wild.labels)
    assert "nan" not in wild.drawing
    assert "inf" not in wild.drawing


def test_nothing_logged_is_an_empty_drawing() -> None:
    drawing, labels = chart_of(Curve(name="flow", training=()))
    assert "flow" not in drawing
    assert labels == {}


def test_long_logs_are_thinned_to_means() -> None:
    points = tuple((step, math.sin(step / 500) + (0.3 if step % 2 else -0.3)) for step in range(1, 24_001))
    thin = thin_out(points)
    assert len(thin) == 240
    assert thin[-1] == points[-1]
    assert all(abs(nats - math.sin(step / 500)) < 0.01 for step, nats in thin[:-1]), "means of what they stand for"
    assert thin_out(points[:240]) == [(float(step), nats) for step, nats in points[:240]]


def test_a_score_bar_marks_everything_on_one_scale() -> None:
    drawing = score_bar("frame", 0.5, (0.4, 0.6), chance=0.25, ceiling=0.75, title="t")
    assert re.search(r'<rect x="0" y="22" width="500" height="56" class="score frame"/>', drawing)
    assert 'd="M400 50H600M400 36V64M600 36V64" class="whisker"' in drawing
    assert '<line x1="250" x2="250" y1="2" y2="98" class="chance"/>' in drawing
    assert '<line x1="750" x2="750" y1="0" y2="100" class="ceiling"/>' in drawing


def test_a_score_outside_its_scale_stays_inside_the_bar() -> None:
    drawing = score_bar("frame", 7.0, (-3.0, 9.0), chance=-1.0, ceiling=2.0, title="t")
    assert 'width="1000" height="56"' in drawing
    assert "M0 50H1000" in drawing
