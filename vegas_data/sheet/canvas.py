"""A picture to draw on: text, lines and pictures at places in pixels, by OpenCV. Colours are RGB."""

import bisect
from typing import TYPE_CHECKING, Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    Pixels = npt.NDArray[np.uint8]

Colour = tuple[int, int, int]
Align = Literal["left", "middle", "right"]

INK: Final[Colour] = (27, 29, 32)
SOFT: Final[Colour] = (92, 97, 105)
FAINT: Final[Colour] = (176, 178, 182)
PAPER: Final[Colour] = (253, 252, 249)
PANEL: Final[Colour] = (244, 241, 234)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_PX_PER_SCALE: Final = 30.0
_LONGEST: Final = 1000  # letters of one line: more do not fit
_PLAIN: Final = str.maketrans(
    {"\u00a0": " ", "–": "-", "−": "-", "×": "x", "≥": ">=", "±": "+-", "…": "...", "·": ",", "ε": "eps"}
)
_KNOWS_UNICODE: Final = hasattr(cv2, "FontFace")  # OpenCV 5 writes in TrueType, 4 in strokes for ASCII


class Canvas:
    """A page of a fixed size.

    ``lanes`` says which rows belong to what, for those who look for something.

    Shape:
        pixels: uint8 [H, W, 3], RGB.
    """

    def __init__(self, width: int, height: int) -> None:
        self.pixels: Pixels = np.full((height, width, 3), PAPER, dtype=np.uint8)
        self.lanes: dict[str, slice] = {}

    def text(
        self,
        words: str,
        x: float,
        y: float,
        *,
        px: int = 15,
        colour: Colour = INK,
        bold: bool = False,
        align: Align = "left",
    ) -> None:
        """Write on the base line ``y``; what a font lacks is a question mark."""
        words = printable(words)
        left = x - text_width(words, px, bold=bold) * {"left": 0.0, "middle": 0.5, "right": 1.0}[align]
        place = (round(left), round(y))
        cv2.putText(self.pixels, words, place, _FONT, px / _PX_PER_SCALE, colour, 2 if bold else 1, cv2.LINE_AA)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Fill from (x0, y0) up to but without (x1, y1)."""
        self.pixels[round(y0) : round(y1), round(x0) : round(x1)] = colour

    def picture(self, picture: "Pixels", x0: float, y0: float, x1: float, y1: float, *, smooth: bool = True) -> None:
        """Scale a picture into a box."""
        left, top, right, bottom = round(x0), round(y0), round(x1), round(y1)
        size = (max(1, right - left), max(1, bottom - top))
        shrinks = picture.shape[1] > size[0] or picture.shape[0] > size[1]
        way = cv2.INTER_AREA if shrinks and smooth else cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
        self.pixels[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size, interpolation=way)

    def veil(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Fade what lies in a box."""
        part = self.pixels[round(y0) : round(y1), round(x0) : round(x1)]
        part[:] = np.rint(0.4 * part + 0.6 * np.asarray(PAPER)).astype(np.uint8)

    def upright(self, x: float, y0: float, y1: float, colour: Colour, *, dash: int = 0) -> None:
        """A line of one pixel, in dashes of so many pixels if there are any."""
        column = min(round(x), self.pixels.shape[1] - 1)
        rows = np.arange(round(y0), round(y1))
        self.pixels[rows[(rows - round(y0)) // dash % 2 == 0] if dash else rows, column] = colour

    def png(self) -> bytes:
        """The page as a PNG."""
        done, data = cv2.imencode(
            ".png", np.ascontiguousarray(self.pixels[..., ::-1]), [cv2.IMWRITE_PNG_COMPRESSION, 9]
        )
        assert done, "OpenCV is built with PNG"
        return data.tobytes()


def printable(words: str) -> str:
    """Words as the font can write them, without what steers or turns text."""
    words = "".join(c if c.isprintable() else "\u00a0" if c == "\u00a0" else "?" for c in words)
    return words if _KNOWS_UNICODE else words.translate(_PLAIN).encode("ascii", "replace").decode()


def text_width(words: str, px: int, *, bold: bool = False) -> int:
    """Width of a line in pixels."""
    (width, _), _ = cv2.getTextSize(printable(words), _FONT, px / _PX_PER_SCALE, 2 if bold else 1)
    return int(width)


def fit(words: str, px: int, width: float) -> str:
    """As much of a line as goes into a width."""
    words = words[:_LONGEST]
    if text_width(words, px) <= width:
        return words
    letters = bisect.bisect_right(range(1, len(words) + 1), width, key=lambda n: text_width(words[:n] + "…", px))
    return words[:letters] + "…" if letters else ""


def wrap(words: str, px: int, width: float) -> list[str]:
    """A text in lines of a width, broken at blanks."""
    lines: list[str] = []
    for word in words.split(" "):
        if lines and text_width(f"{lines[-1]} {word}", px) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(fit(word, px, width))
    return lines
