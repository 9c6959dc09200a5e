"""``vegas-data audit calibrate | draw | report``."""

from pathlib import Path
from typing import Any

import click

from vegas_data.cli.options import workspace_options

_category = click.option("--category", "category_names", multiple=True, help="Only this category; may be repeated.")


@click.group("audit", short_help="Promise a precision, and prove it: calibrate, draw, report.")
def command() -> None:
    """Let people's answers on random draws choose the thresholds of verdicts, and say how often verdicts are right.

    Example: vegas-data audit calibrate --draw
    """


@command.command("calibrate")
@click.option("--draw", is_flag=True, help="Draw windows for people to judge, one per source video.")
@click.option("--anew", is_flag=True, help="With --draw: also in place of a judged draw of other windows.")
@click.option("--partial", is_flag=True, help="Fit draws that are not judged to the end, too.")
@_category
@workspace_options
def calibrate(draw: bool, anew: bool, partial: bool, **options: Any) -> None:
    """Choose thresholds that keep the recipe's promise of precision, from a draw that people have judged.

    First --draw, then `vegas-data review --purpose calibration`, then this without --draw, then `vegas-data verify`.
    What was drawn before stays as long as the same windows would be drawn.
    Where no threshold keeps the promise there is none, and all windows of the category go to people.

    Example: vegas-data audit calibrate --draw
    """
    from dataclasses import asdict

    from vegas_data import calibrating
    from vegas_data.cli.console import print_json
    from vegas_data.cli.session import Place, take_selection, writing

    if draw and partial:
        raise click.UsageError("--partial is for fitting, not for --draw")
    if anew and not draw:
        raise click.UsageError("--anew is for --draw")
    place = Place.take(options)
    with writing(place, take_selection(options)) as run:
        drawn = calibrating.draw_calibration(run, anew=anew) if draw else []
        fits = [] if draw else calibrating.calibrate(run, partial=partial)
    if place.as_json:
        told = {one.category: asdict(one) for one in drawn}
        print_json({"drawn": told} if draw else {"calibrations": [asdict(fit) for fit in fits]})
        return
    for one in drawn:
        click.echo(f"{one.category}: {one.outcome}: {one.windows} windows of as many videos")
    if draw:
        click.echo("vegas-data review --purpose calibration   shows them" if drawn else "no window to draw")
    for fit in fits:
        click.echo(f"{fit.category}: {fit.judged} of {fit.drawn} drawn windows are judged")
        if fit.calibration is None:
            click.echo("  not calibrated: vegas-data review --purpose calibration")
        else:
            for name, words in (("accept", fit.accept), ("reject", fit.reject)):
                threshold = getattr(fit.calibration, name).threshold
                click.echo(f"  {name}: {'no threshold' if threshold is None else f'at {threshold:.3f}'}: {words}")


@command.command("draw")
@click.option("--anew", is_flag=True, help="Also in place of a judged draw whose verdicts have changed since.")
@_category
@workspace_options
def draw_(anew: bool, **options: Any) -> None:
    """Draw decided windows for an audit, blindly from every category and every way in which windows were decided.

    Videos of the calibration are left out. What was drawn before from the same verdicts stays as it is.
    `vegas-data review --purpose audit` shows what was drawn.

    Example: vegas-data audit draw
    """
    from dataclasses import asdict

    from vegas_data import auditing
    from vegas_data.cli.console import print_json
    from vegas_data.cli.session import Place, take_selection, writing

    place = Place.take(options)
    with writing(place, take_selection(options)) as run:
        drawn = auditing.draw_audit(run, anew=anew)
    if place.as_json:
        print_json({"drawn": {one.category: asdict(one) for one in drawn}})
        return
    for one in drawn:
        words = ", ".join(f"{count} {path.replace('_', ' ')}" for path, count in one.paths.items())
        click.echo(f"{one.category}: {one.outcome}: {words or 'no window'}")
    click.echo("vegas-data review --purpose audit   shows them" if drawn else "no window to draw")


@command.command("report")
@click.option(
    "--gold", type=click.Path(path_type=Path, dir_okay=False), help="Table of known answers to measure people by."
)
@_category
@workspace_options
def report(gold: Path | None, **options: Any) -> None:
    """Say how often accepted windows are right, with exact intervals; what was lost on the way; how people agree.

    Example: vegas-data audit report --json
    """
    from vegas_data import auditing
    from vegas_data.cli.audit_text import print_audit
    from vegas_data.cli.console import print_json
    from vegas_data.cli.session import Place, reading, take_selection

    place = Place.take(options)
    with reading(place, take_selection(options)) as run:
        result = auditing.report(run, gold=gold)
    if place.as_json:
        print_json(result)
    else:
        print_audit(result)
