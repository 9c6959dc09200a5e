"""One clip, or one example of it, on a sheet: what can be seen and heard, what moved, what was decided and by whom.

    SheetData ─draw→ Drawing ─→ page      one HTML file that stands for itself
                             └→ picture   the essentials as one PNG

``data`` is what the caller fills in, ``draw`` decodes and computes, ``layout`` puts times on the common axis. Here
stands only what describes the input; the rest is imported by whoever writes a sheet, when it does.
"""

from vegas_data.sheet.data import Motion, Place, Said, SheetData, StreamRows

__all__ = ["Motion", "Place", "Said", "SheetData", "StreamRows"]
