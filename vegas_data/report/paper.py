"""What the paper says of VEGAS and its models, to set our figures beside (Zhou et al. 2018, §3.3, Fig. 1, Table 1).

The counts sum to 28,109 as printed; the other figures are read off the arXiv version 1712.01393v2.
"""

from dataclasses import dataclass
from typing import Final

SOURCE: Final = "Zhou et al., CVPR 2018, Fig. 1 (arXiv:1712.01393v2)"
TOTAL_EXAMPLES: Final = 28_109
TOTAL_HOURS: Final = 55.1
LENGTH_EDGES_MS: Final = (2000, 4000, 6000, 8000)  # lower edges; the last bin ends with, and holds, 10 s
LENGTH_LABELS: Final = ("2–4 s", "4–6 s", "6–8 s", "8–10 s")
LENGTH_SHARES: Final = (18.8, 14.6, 11.0, 55.6)
TABLE_1_SOURCE: Final = "Zhou et al., CVPR 2018, Table 1"
TABLE_1: Final = {"frame": (2.6143, 2.7061), "seq": (2.5991, 2.6866), "flow": (2.6037, 2.6839)}  # train, test
WINDOWS_JUDGED: Final = 132_209
WINDOWS_DROPPED: Final = 34_392


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One row of the table in Fig. 1."""

    videos: int
    mean_s: float
    std_s: float


CATEGORIES: Final = {
    "dog": PaperRow(2785, 6.3, 3.2),
    "chainsaw": PaperRow(1824, 7.3, 3.2),
    "water_flowing": PaperRow(2924, 7.0, 3.2),
    "rail_transport": PaperRow(3259, 7.8, 3.0),
    "fireworks": PaperRow(3115, 7.0, 3.1),
    "printer": PaperRow(3673, 7.2, 3.2),
    "helicopter": PaperRow(3718, 7.8, 3.0),
    "snoring": PaperRow(2144, 5.9, 3.3),
    "drum": PaperRow(2606, 7.4, 3.2),
    "baby_crying": PaperRow(2061, 6.0, 3.1),
}
