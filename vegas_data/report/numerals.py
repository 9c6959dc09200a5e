"""Numbers as a reader wants them: thousands set apart, units never torn from their figures."""

from typing import Final

BLANK: Final = "\u00a0"  # a blank that no line breaks at


def thousands(number: int) -> str:
    """``28109`` → ``28,109``."""
    return f"{number:,}"


def signed(value: float, digits: int = 1) -> str:
    """A number with a real minus sign."""
    return f"{value:.{digits}f}".replace("-", "−")


def plural(number: int, noun: str, many: str = "") -> str:
    """``1 clip``, ``2 clips``."""
    return f"{thousands(number)}{BLANK}{noun if number == 1 else many or noun + 's'}"


def percent(part: float, whole: float) -> str:
    """Share of ``part`` in ``whole``; a dash for a share of nothing; never a false 0 % or 100 %."""
    if whole == 0:
        return "–"
    share = 100 * part / whole
    if 0 < share < 1:
        text = "<1"
    elif 99 < share < 100:
        text = ">99"
    else:
        text = f"{share:.0f}"
    return f"{text}{BLANK}%"


def fixed(value: float | None, digits: int = 2) -> str:
    """A number with a fixed count of decimals; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def duration(ms: float) -> str:
    """A duration in the two units that fit it: ``6.5 s``, ``5 min 12 s``, ``1 h 20 min``, ``55.1 h``."""
    seconds = ms / 1000
    if round(seconds, 1) < 60:
        return f"{seconds:.3g}{BLANK}s"
    if round(seconds) < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}{BLANK}min {rest}{BLANK}s"
    if seconds < 36_000:
        hours, rest = divmod(round(seconds / 60), 60)
        return f"{hours}{BLANK}h {rest}{BLANK}min"
    return f"{seconds / 3600:,.1f}{BLANK}h"


def size(num_bytes: int) -> str:
    """``1234567`` → ``1.2 MB``."""
    value = float(num_bytes)
    for unit, digits in (("B", 0), ("kB", 1), ("MB", 1), ("GB", 1)):
        if round(value, digits) < 1000:
            return f"{value:.{digits}f}{BLANK}{unit}"
        value /= 1000
    return f"{value:,.1f}{BLANK}TB"


def listing(words: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def phrase(code: str) -> str:
    """A code of ours as words: ``rejected:not_heard`` → ``rejected: not heard``."""
    return code.replace("_", " ").replace(":", ": ")
