"""What verdicts may rest on besides scores: calibrations, and what people answered.

    calibration/<category>.json   one ``Calibration``, with ``schema``

Enters: these files, and people's answers from wherever they are kept. Leaves: one ``Evidence`` for ``triage``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from vegas_data.config import digest
from vegas_data.errors import VerificationError
from vegas_data.records import Answer, Judgment
from vegas_data.verify.calibration import Calibration, from_json_data, to_json_data
from vegas_data.verify.crowd import Question, settle
from vegas_data.verify.triage_options import TriageOptions
from vegas_data.workspace import Workspace

FOLDER: Final = "calibration"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known besides scores.

    Args:
        calibrations: by category; those that keep the recipe's promise.
        judgments: people's answers that count, at most one for each person, window and side.
    """

    calibrations: Mapping[str, Calibration] = field(default_factory=lambda: MappingProxyType({}))
    judgments: tuple[Judgment, ...] = ()

    def settled(self, options: TriageOptions) -> Mapping[Question, Answer]:
        """People's answers as one for each question that has enough; raises as ``crowd.settle``."""
        return settle(map(_Said, self.judgments), options)

    @property
    def digests(self) -> tuple[object, ...]:
        """What stands in the digest of verdicts: nothing where there is nothing."""
        known = {name: calibration.digest for name, calibration in self.calibrations.items()}
        said = [(j.category, j.clip_id, j.start_ms, j.end_ms, j.side, j.judge, j.answer) for j in self.judgments]
        return (known, digest(said)) if known or said else ()

    def by_clip(self) -> dict[str, list[Judgment]]:
        """The answers of each clip, in order."""
        found: dict[str, list[Judgment]] = {}
        for judgment in self.judgments:
            found.setdefault(judgment.clip_id, []).append(judgment)
        return found


NO_EVIDENCE: Final = Evidence()


class _Said:
    """A judgment of a person as ``crowd`` reads it."""

    def __init__(self, judgment: Judgment) -> None:
        self.category = judgment.category
        self.clip_id = judgment.clip_id
        self.start_ms = judgment.start_ms
        self.side = judgment.side
        self.answer = judgment.answer
        self.annotator = judgment.judge


def calibration_key(category: str) -> str:
    """Where a category's calibration lives."""
    return f"{FOLDER}/{category}.json"


def commit_calibration(workspace: Workspace, calibration: Calibration) -> None:
    """Put a calibration into the workspace, in place of the one before."""
    workspace.commit_json(calibration_key(calibration.category), to_json_data(calibration))


def read_calibrations(workspace: Workspace, categories: Iterable[str]) -> dict[str, Calibration]:
    """The calibrations that are there, by category.

    Raises:
        VerificationError, WorkspaceError: a file is damaged, of another schema, or of another category.
    """
    found = {}
    for category in categories:
        key = calibration_key(category)
        if workspace.exists(key):
            found[category] = one = from_json_data(workspace.read_json(key), where=str(workspace.path(key)))
            if one.category != category:
                raise VerificationError(
                    f"{workspace.path(key)}: a calibration of {one.category}",
                    remedy="delete the file and run `vegas-data audit calibrate` again",
                )
    return found
