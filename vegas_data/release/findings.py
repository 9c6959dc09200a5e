"""What ``release check`` found, counted: one fault must not give a million findings."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from vegas_data.release.again import Trouble
from vegas_data.shards import Finding

CODES: Final = (
    "bad_sums",
    "missing_file",
    "foreign_file",
    "too_large",
    "checksum_mismatch",
    "bad_table",
    "tables_disagree",
    "shards_disagree",
    "split_leak",
    "licence",
    "card_mismatch",
    "unreadable",
    "other_version",
)
AGAIN: Final = "get the release again from where it came from, and tell its publisher"
_MOST: Final = 10  # of one kind in one file: one fault must not give a million findings


@dataclass
class Findings:
    """Findings, at most ``_MOST`` of one code in one file."""

    folder: Path
    findings: list[Finding] = field(default_factory=list)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, file: str, code: str, message: str, *, key: str = "", remedy: str = AGAIN) -> None:
        assert code in CODES, code
        self._append(Finding(file=str(self.folder / file), key=key, code=code, message=message, remedy=remedy))

    def add_shards(self, findings: Iterable[Finding]) -> None:
        """Findings of ``prove_folder``; nobody but the publisher can make a shard of a release again."""
        for finding in findings:
            self._append(replace(finding, remedy=AGAIN))

    def add_all(self, file: str, code: str, troubles: Iterable[Trouble]) -> None:
        for key, message in troubles:
            self.add(file, code, message, key=key)

    def _append(self, finding: Finding) -> None:
        finding = replace(finding, file=_plain(finding.file), key=_plain(finding.key), message=_plain(finding.message))
        self._counts[finding.file, finding.code] += 1
        if self._counts[finding.file, finding.code] <= _MOST:
            self.findings.append(finding)

    def all(self) -> list[Finding]:
        """The findings, and how many more there are of a kind."""
        more = [
            Finding(file=file, key="", code=code, message=f"{count - _MOST} more like these", remedy=AGAIN)
            for (file, code), count in self._counts.items()
            if count > _MOST
        ]
        return [*self.findings, *more]


def _plain(text: str) -> str:
    """``text`` as any terminal and any file can take it: a stranger may have chosen the name."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
