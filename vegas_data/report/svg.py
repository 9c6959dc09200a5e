"""SVG elements as escaped markup: the only place where the report joins tags and text itself."""

from markupsafe import Markup


def tag(name: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """One element. ``class_`` means ``class``, ``stroke_width`` ``stroke-width``; None leaves an attribute out.

    Numbers are written with at most two decimals: enough for a screen, and the same bytes everywhere.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), number(value))
        for key, value in attributes.items()
        if value is not None
    )
    if not children:
        return Markup("<{}{}/>").format(name, written)
    return Markup("<{0}{1}>{2}</{0}>").format(name, written, Markup("").join(children))  # join escapes plain text


def number(value: str | float) -> str:
    """A coordinate without needless digits; text as it is."""
    if isinstance(value, str):
        return value
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def image(
    width: float, height: float, *children: Markup, title: str, stretch: bool = False, class_: str = ""
) -> Markup:
    """The root of a drawing: scales with its column, and says to a screen reader what it shows.

    Args:
        stretch: fill the box in both directions (only for drawings without text).
    """
    return tag(
        "svg",
        tag("title", title),
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        class_=class_ or None,
        preserveAspectRatio="none" if stretch else None,
    )
