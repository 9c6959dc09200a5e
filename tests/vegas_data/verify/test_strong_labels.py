"""Strong labels as a prior: what is known of a window beforehand, and that it is never more than advice."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from verify_cases import OPTIONS, photograph

from vegas_data.errors import RecipeError, WeightsMissing
from vegas_data.records import Category, Window
from vegas_data.verify import ScorerOptions, VerifyOptions, WindowMedia, check_coverage, fields_read
from vegas_data.verify.scorers import SHIPPED, Scorer
from vegas_data.verify.scorers.strong_labels import prior
from vegas_data.verify.scorers.strong_tables import tables_digest

DOG = Category(name="dog", title="Dog", include=("/m/0bt9lr",), exclude=("/m/0ghcn6",))
DRUM = Category(name="drum", title="Drum", include=("/m/026t6",))
ONTOLOGY = """[
 {"id": "/m/0bt9lr", "name": "Dog", "child_ids": ["/m/05tny_", "/m/0ghcn6"]},
 {"id": "/m/05tny_", "name": "Bark", "child_ids": []},
 {"id": "/m/0ghcn6", "name": "Growling", "child_ids": []},
 {"id": "/m/026t6", "name": "Drum", "child_ids": []}]"""
ROWS = """segment_id\tstart_time_seconds\tend_time_seconds\tlabel
abcdefghijk_30000\t0.500\t1.500\t/m/05tny_
abcdefghijk_30000\t1.000\t2.500\t/m/0bt9lr
abcdefghijk_30000\t4.000\t6.000\t/m/0ghcn6
abcdefghijk_60000\t0.000\t10.000\t/m/026t6
-bcdef_hijk_0\t0.000\t3.000\t/m/05tny_
abcdefghijk_30000\t8.000\t10.000\t/m/026t6
"""
LABELS = ScorerOptions(name="strong-labels", side="heard", accept=1.0, reject=0.0, advisory=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ontology.json").write_text(ONTOLOGY, encoding="utf-8")
    (tmp_path / "audioset_eval_strong.tsv").write_text(ROWS, encoding="utf-8")
    return tmp_path


def load(folder: Path) -> Scorer:
    options = replace(LABELS, model=str(folder))
    return SHIPPED["strong-labels"].build(options, SHIPPED["strong-labels"].digest(options))


def window(video_id: str, start_ms: int) -> WindowMedia:
    span = Window(clip_id=f"{video_id}_{start_ms:09d}", video_id=video_id, start_ms=start_ms, end_ms=start_ms + 2_000)
    return WindowMedia(window=span, frames=photograph("dog")[None], sound=np.zeros(32_000, dtype=np.float32))


@pytest.mark.parametrize(
    ("video_id", "start_ms", "dog", "drum"),
    [
        ("abcdefghijk", 30_000, 0.6 + 0.3 * 0.75, 0.1),  # 500 to 2000 ms: bark and dog overlap and count once
        ("abcdefghijk", 32_000, 0.6 + 0.3 * 0.25, 0.1),
        ("abcdefghijk", 34_000, 0.1, 0.1),  # growling is excluded
        ("abcdefghijk", 38_000, 0.1, 0.9),
        ("abcdefghijk", 39_000, 0.5, 0.5),  # ends beyond what was marked
        ("abcdefghijk", 62_000, 0.1, 0.9),  # another clip of the same video
        ("abcdefghijk", 20_000, 0.5, 0.5),
        ("-bcdef_hijk", 2_000, 0.6 + 0.3 * 0.5, 0.1),
        ("zzzzzzzzzzz", 0, 0.5, 0.5),
        ("demo-drum_000", 0, 0.5, 0.5),
    ],
)
def test_what_is_known_of_a_window(folder: Path, video_id: str, start_ms: int, dog: float, drum: float) -> None:
    scores = load(folder).score([window(video_id, start_ms)], [DOG, Category(name="moon", title="Moon"), DRUM])
    np.testing.assert_allclose(scores[0, [0, 2]], [dog, drum], rtol=1e-6)
    assert np.isnan(scores[0, 1])


def test_no_opinion_is_exactly_even() -> None:
    span = window("zzzzzzzzzzz", 0).window
    assert prior(None, span) == 0.5
    assert prior([], span) == 0.1
    assert prior([(0, 0), (2_000, 2_000)], span) == 0.1


def test_the_digest_is_of_what_the_tables_say(folder: Path, tmp_path: Path) -> None:
    import shutil

    before = tables_digest(str(folder))
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert tables_digest(str(copy)) == before
    (copy / "audioset_train_strong.tsv").write_text(ROWS, encoding="utf-8")
    assert tables_digest(str(copy)) != before
    assert fields_read(VerifyOptions(scorers=(*OPTIONS.scorers, LABELS)))[:2] == ("exclude", "heard_classes")


def test_tables_that_are_missing_are_named(folder: Path) -> None:
    (folder / "audioset_eval_strong.tsv").unlink()
    with pytest.raises(WeightsMissing, match=r"holds no \*_strong\.tsv") as caught:
        load(folder)
    assert "manifest build --with-priors" in caught.value.remedy
    (folder / "ontology.json").unlink()
    with pytest.raises(WeightsMissing, match=r"holds no ontology\.json and no \*_strong\.tsv"):
        load(folder)


def test_a_table_without_a_label_is_refused(folder: Path) -> None:
    (folder / "audioset_eval_strong.tsv").write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(WeightsMissing, match="no strong label in any row"):
        load(folder)


def test_it_cannot_be_the_only_ear() -> None:
    eyes = OPTIONS.scorers[1]
    with pytest.raises(ValueError, match="no scorer judges the side 'heard' with a vote"):
        VerifyOptions(scorers=(LABELS, eyes))


def test_it_cannot_have_a_vote(categories: dict[str, Category]) -> None:
    voting = VerifyOptions(scorers=(*OPTIONS.scorers, replace(LABELS, advisory=False)))
    with pytest.raises(RecipeError, match=r"strong-labels .* cannot have a vote") as caught:
        check_coverage(voting, [categories["drum"]])
    assert "advisory = true" in caught.value.remedy
    check_coverage(VerifyOptions(scorers=(*OPTIONS.scorers, LABELS)), [categories["drum"]])


def test_every_shipped_category_is_known_to_the_real_ontology(
    folder: Path, categories: dict[str, Category], shared_data: Path
) -> None:
    (folder / "ontology.json").write_bytes((shared_data / "audioset" / "ontology.json").read_bytes())
    scorer = load(folder)
    assert all(scorer.covers(category) for category in categories.values())
    scores = scorer.score([window("abcdefghijk", 30_000)], [categories["dog"], categories["drum"]])
    np.testing.assert_allclose(scores[0], [0.6 + 0.3 * 0.75, 0.1], rtol=1e-6)


def test_the_real_tables_are_read(categories: dict[str, Category], shared_data: Path) -> None:
    if not any((shared_data / "audioset").glob("*_strong.tsv")):
        pytest.skip("AudioSet's strong labels are not here")
    assert load(shared_data / "audioset").covers(categories["drum"])
