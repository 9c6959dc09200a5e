"""What turns scores and people's answers into verdicts, as a release holds it: ``manifest/rules.json``.

    {"schema": 1, "verify": the recipe's [verify], "triage": its [verify.triage],
     "calibrations": {category: the calibration that applied}, "not_audited": {category: [video id, …]}}

So a stranger can make every verdict again. Reading trusts nothing.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vegas_data.config import canonical, load_table, to_json
from vegas_data.errors import RecipeError, ReleaseError, VerificationError
from vegas_data.release.sums import read_small
from vegas_data.verify import REQUIRED_SIDES, Calibration, VerifyOptions
from vegas_data.verify.calibration import from_json_data, to_json_data
from vegas_data.verify.intervals import lower_bound

SCHEMA: Final = 1
_MAX_SCORERS: Final = 64
_MAX_ITEMS: Final = 100_000
_KEYS: Final = frozenset({"schema", "verify", "triage", "calibrations", "not_audited"})
_REFUSED: Final = "get the release again from where it came from; this file was changed or is not of this version"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What decided, besides scores and people.

    Args:
        options: of the recipe. calibrations: by category, those that keep the recipe's promise.
        not_audited: for each audited category the videos that must not be drawn: those of calibrations.
    """

    options: VerifyOptions
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    not_audited: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.options.scorers) > _MAX_SCORERS:
            raise ValueError(f"more than {_MAX_SCORERS} scorers")
        for name, calibration in self.calibrations.items():
            if name != calibration.category:
                raise ValueError(f"a calibration of {calibration.category!r} stands under {name!r}")
            if tuple(fit.side for fit in calibration.sides) != REQUIRED_SIDES:
                raise ValueError(f"the calibration of {name!r} is not of {' and '.join(REQUIRED_SIDES)}")
            for fit in calibration.sides:
                numbers = (fit.intercept, *fit.weights)
                if len(fit.weights) != len(fit.scorers) or not all(abs(number) < 1e6 for number in numbers):
                    raise ValueError(f"the calibration of {name!r} has weights that cannot be")
                if not {*fit.scorers} <= {scorer for scorer, _ in calibration.scorers}:
                    raise ValueError(f"the calibration of {name!r} weighs a scorer that it was not made with")


def rules_bytes(rules: Rules) -> bytes:
    """``rules`` as the file's content."""
    data = {
        "schema": SCHEMA,
        "verify": canonical(rules.options),
        "triage": canonical(rules.options.triage),
        "calibrations": {name: to_json_data(one) for name, one in rules.calibrations.items()},
        "not_audited": dict(rules.not_audited),
    }
    return to_json(data, indent=1).encode()


def read_rules(path: Path) -> Rules:
    """What ``rules_bytes`` gave.

    Raises:
        ReleaseError: missing, damaged, or of another schema.
    """
    data = read_small(path)
    try:
        return _rules(json.loads(data))
    except (KeyError, TypeError, ValueError, RecursionError, RecipeError, VerificationError) as error:
        raise ReleaseError(f"{path}: holds no valid rules: {str(error)[:500]}", remedy=_REFUSED) from None


def _rules(data: Any) -> Rules:
    if not isinstance(data, dict) or data.keys() != _KEYS or data["schema"] != SCHEMA:
        raise ValueError(f"not of schema {SCHEMA}")
    calibrations, excluded = dict(data["calibrations"]), dict(data["not_audited"])
    if not all(isinstance(videos, list) and all(isinstance(v, str) for v in videos) for videos in excluded.values()):
        raise ValueError("not_audited: lists of video ids by category")
    return Rules(
        options=load_table(VerifyOptions, {**data["verify"], "triage": data["triage"]}, where="verify"),
        calibrations={name: from_json_data(one, where=name) for name, one in calibrations.items()},
        not_audited={name: tuple(videos) for name, videos in excluded.items()},
    )


def calibration_troubles(rules: Rules) -> list[tuple[str, str]]:
    """What cannot be true of the calibrations: (category, what is wrong)."""
    found = []
    for name, one in sorted(rules.calibrations.items()):
        if not one.keeps(rules.options.triage):
            found.append((name, "its calibration promises less than the recipe asks for"))
        if not 0 <= one.num_present <= one.num_fit + one.num_test <= _MAX_ITEMS:
            found.append((name, "the counts of its calibration cannot be"))
        for cut in (one.accept, one.reject):
            if not 0 <= cut.right <= cut.items <= one.num_test <= _MAX_ITEMS:
                found.append((name, "the counts of its calibration cannot be"))
            elif cut.threshold is None:
                if cut.items or cut.bound:
                    found.append((name, "its calibration has a bound and no threshold"))
            elif not 0 < cut.confidence < 1 or cut.bound < cut.target:
                found.append((name, "the bound of its calibration does not reach what it promises"))
            elif not math.isclose(cut.bound, lower_bound(cut.right, cut.items, cut.confidence), abs_tol=1e-9):
                found.append((name, "the bound of its calibration does not follow from its counts"))
    return found
