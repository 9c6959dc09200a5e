"""Every network fault many times: how often its class was right, and the longest that one attempt took.

    python -m benchmarks.faults --copies 40

The table is that of ``tests/faults/fault_table.py``. A server in this process fails on purpose; `vegas-data fetch`
asks it for all clips in one run. A hang would be a run that does not end within the time in which all attempts of all
clips, one after the other on each worker, must have passed their deadline: then there is no table, but an error.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults.fault_run import DEADLINE_S, Ended, run_faults
from tests.faults.fault_server import fault_server
from tests.faults.fault_table import FAULTS

SLACK_S = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=40)
    parser.add_argument("--workers", type=int, default=16)
    arguments = parser.parse_args()
    longest_s = 60 + 3 * (DEADLINE_S + SLACK_S) * len(FAULTS) * arguments.copies / arguments.workers
    with tempfile.TemporaryDirectory() as name, fault_server(Path(name)) as server:
        start = time.monotonic()
        code, ended = run_faults(
            server, FAULTS, Path(name), copies=arguments.copies, workers=arguments.workers, timeout_s=longest_s
        )
        wall_s = time.monotonic() - start
    print(f"{'fault':32} {'expected':28} {'right':>9} {'longest':>8}  otherwise")
    wrong = [row for row in ended if not _is_right(row)]
    for fault in FAULTS:
        rows = [row for row in ended if row.fault is fault]
        right = sum(map(_is_right, rows))
        others = Counter(f"{row.outcome} {row.code}" for row in rows if not _is_right(row))
        told = ", ".join(f"{count} {what}" for what, count in others.most_common())
        longest = max(row.seconds for row in rows)
        expected = f"{fault.outcome} {fault.code}"
        print(f"{fault.name:32} {expected:28} {right:>4}/{len(rows):<4} {longest:>6.2f} s  {told}")
    slowest = max(ended, key=lambda row: row.seconds)
    false = sum(row.outcome == "done" for row in wrong)
    print(f"\n{len(ended)} clips in {wall_s:.0f} s, exit code {code}: {len(wrong)} wrong, {false} false successes")
    print(f"longest attempt {slowest.seconds:.2f} s ({slowest.fault.name}); deadline {DEADLINE_S:g} s; 0 hangs")
    print(f"connections to a private address that a redirect named: {server.canary}")
    return int(bool(wrong) or slowest.seconds > DEADLINE_S + SLACK_S or server.canary > 0)


def _is_right(row: Ended) -> bool:
    """A host that refuses us may be left alone before a clip was asked for: then nothing is said of the clip."""
    codes = {row.fault.code, ""} if row.fault.outcome == "left" else {row.fault.code}
    return row.outcome == row.fault.outcome and row.code in codes


if __name__ == "__main__":
    sys.exit(main())
