"""Sockets that yt-dlp leaves behind are collected inside the test that left them, where the warning is expected."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def collect_sockets() -> Iterator[None]:
    yield
    gc.collect()
