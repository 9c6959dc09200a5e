"""One static page and ``summary.json`` from whatever a workspace holds; start reading at ``data``, then ``page``.

    ReportData → attrition, truth, timeline → sections (rows, drawings) → templates → report.html
               → training, listening        →                             → (what was trained)
               → summary → summary.json

Here stands only what describes the input. ``report.page.write_report`` is imported by whoever writes a page, when
it does: the page needs modules that no other command should have to load.
"""

from vegas_data.report.data import Failure, ReportData, Threshold, TrainedModel, Truth, WindowScores

__all__ = ["Failure", "ReportData", "Threshold", "TrainedModel", "Truth", "WindowScores"]
