"""The whole table of network faults, once, through `vegas-data fetch`: no false success, every class right, no hang."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fault_run import Ended, run_faults
from tests.faults.fault_server import FaultServer, fault_server
from tests.faults.fault_table import FAULTS, Fault
from vegas_data.errors import EXIT_LATER


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with fault_server(tmp_path_factory.mktemp("media")) as running:
        yield running


@pytest.fixture(scope="module")
def matrix(server: FaultServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path, dict[str, Ended]]:
    folder = tmp_path_factory.mktemp("matrix")
    code, ended = run_faults(server, FAULTS, folder, copies=1, workers=6, timeout_s=120)
    return code, folder, {row.fault.name: row for row in ended}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_ends_as_the_table_says(
    matrix: tuple[int, Path, dict[str, Ended]], server: FaultServer, fault: Fault
) -> None:
    ended = matrix[2][fault.name]
    assert (ended.outcome, ended.code) == (fault.outcome, fault.code), ended.message
    assert fault.asks[0] <= server.asked[fault.name] <= fault.asks[1], "asked too seldom or too often"
    assert ended.message.isprintable()


def test_the_table_is_as_wide_as_it_claims() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 60
    assert len({fault.code for fault in FAULTS}) >= 12
    assert all(len(f"{fault.source}-{fault.name}-00") != 11 for fault in FAULTS), "that would be a YouTube id"


def test_the_run_asks_to_come_back_later_and_leaves_nothing_half_done(
    matrix: tuple[int, Path, dict[str, Ended]], server: FaultServer
) -> None:
    code, folder, ended = matrix
    assert code == EXIT_LATER
    assert {path.stem.partition("-")[2].rpartition("-")[0] for path in (folder / "w" / "clips").rglob("*.mp4")} == {
        name for name, row in ended.items() if row.fault.outcome == "done"
    }
    assert not (folder / "w" / "tmp").exists()
    assert server.canary == 0, "an address was asked to which a redirect must not lead"
    assert server.asked["?"] == 0
