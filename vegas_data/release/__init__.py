"""A workspace in, a release out: a folder that strangers can load, check and rebuild; and the check itself.

options, layout     what is asked for; what lies where, and what tables may hold
plan                which example goes into which shard, what is left out and why
licences            what may be passed on
pack                a working shard → a shard of the release
tables, sums, card  the manifest, SHA256SUMS, the dataset cards
build, place        all of it, in a folder that appears whole or not at all
rules, again        what turned scores and answers into verdicts; all of these made again
audit               what people found in windows drawn at random from its verdicts
check, agreement, opened, findings    every file, every row and every number, without the workspace
availability        the link-rot ledger: which clip was there when, and what changed between two moments
"""

from vegas_data.release.availability import (
    SEEN_BY_A_LOOK,
    Changes,
    Check,
    availability_bytes,
    checks_of,
    compare_states,
    latest_checks,
    read_availability,
    state_of,
)
from vegas_data.release.build import ReleaseSummary, build_release, preview_release
from vegas_data.release.check import check_release
from vegas_data.release.licences import PASS_ON, may_pass_on
from vegas_data.release.options import Facts, ReleaseOptions, ReleaseProfile, check_version
from vegas_data.release.plan import AuditSource, ReleasePlan, ReleaseSource, plan_release
from vegas_data.release.rules import Rules

__all__ = [
    "PASS_ON",
    "SEEN_BY_A_LOOK",
    "AuditSource",
    "Changes",
    "Check",
    "Facts",
    "ReleaseOptions",
    "ReleasePlan",
    "ReleaseProfile",
    "ReleaseSource",
    "ReleaseSummary",
    "Rules",
    "availability_bytes",
    "build_release",
    "check_release",
    "check_version",
    "checks_of",
    "compare_states",
    "latest_checks",
    "may_pass_on",
    "plan_release",
    "preview_release",
    "read_availability",
    "state_of",
]
