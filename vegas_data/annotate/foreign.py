"""Files of other tools, record by record, each with its line.

    a plain table   CSV or a JSON list: category, clip_id, start_ms, end_ms, side, answer, annotator
    a wide table    the same with one column per side (heard, seen, pair) instead of side and answer; this is also what
                    Label Studio exports as CSV and JSON-MIN when its controls are named after the sides
    Label Studio    its full JSON: ``data`` holds the clip and window, ``annotations`` the choices

Leaves: mappings whose values nobody has looked at yet.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

from vegas_data.annotate.tasks import SIDES
from vegas_data.errors import AnnotationError

MAX_BYTES: Final = 1 << 28
_MAX_LINE: Final = 1 << 20
_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_COLUMNS: Final = "category, clip_id, start_ms, end_ms, annotator, and either side and answer or heard and seen"


def read_records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Line and record, in the order of the file: JSON if its name ends so, else CSV.

    Raises:
        AnnotationError: unreadable, too large, not UTF-8, not CSV or JSON.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise AnnotationError(f"{path}: larger than {MAX_BYTES:,} bytes", remedy="import it in parts")
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _json_records(path, file) if path.suffix.lower() == ".json" else _csv_records(path, file)
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror}", remedy="check the path") from None
    except UnicodeDecodeError:
        raise AnnotationError(f"{path}, line {_bad_byte_line(path)}: not UTF-8", remedy="save it as UTF-8") from None


def _bad_byte_line(path: Path) -> int:
    """The first line that is not UTF-8."""
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_MAX_LINE), b""), start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 0


def _csv_records(path: Path, file: IO[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.reader(_lines(path, file), strict=True)
    try:
        names = next(reader, [])
        if len(set(names)) != len(names) or "clip_id" not in names:
            raise bad_line(path, 1, "not a header with the column clip_id, each name once")
        for values in reader:
            if not values:
                continue
            if len(values) != len(names):
                raise bad_line(path, reader.line_num, f"{len(values)} fields under {len(names)} columns")
            yield reader.line_num, dict(zip(names, values, strict=True))
    except csv.Error as error:
        raise bad_line(path, reader.line_num, f"not CSV: {error}") from None


def _lines(path: Path, file: IO[str]) -> Iterator[str]:
    number = 0
    while line := file.readline(_MAX_LINE):
        number += 1
        if len(line) == _MAX_LINE:
            raise bad_line(path, number, f"longer than {_MAX_LINE:,} characters")
        yield line


def _json_records(path: Path, file: IO[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The items of a JSON list, one by one, each with the line it begins on."""
    text = file.read()
    decoder, place = json.JSONDecoder(), _skip_blanks(text, 0)
    line = 1 + text.count("\n", 0, place)
    if text[place : place + 1] != "[":
        raise bad_line(path, line, "not a JSON list")
    begin = place
    while True:
        start = _skip_blanks(text, begin + 1)
        line += text.count("\n", begin, start)
        if text[start : start + 1] == "]" and text[begin] == "[":
            return
        try:
            item, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            at = error.lineno if isinstance(error, json.JSONDecodeError) else line
            raise bad_line(path, at, "not JSON, or nested too deeply") from None
        yield from _unfold(path, line, item)
        begin = _skip_blanks(text, end)
        line += text.count("\n", start, begin)
        if text[begin : begin + 1] == "]":
            return
        if text[begin : begin + 1] != ",":
            raise bad_line(path, line, "neither a comma nor the end of the list")


def _skip_blanks(text: str, place: int) -> int:
    match = _BLANKS.match(text, place)
    assert match is not None
    return match.end()


def _unfold(path: Path, line: int, item: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """A record, or every annotation of a task in Label Studio's full form."""
    if not isinstance(item, Mapping):
        raise bad_line(path, line, "not a JSON object")
    if "annotations" not in item:
        yield line, item
        return
    data, annotations = item.get("data"), item["annotations"]
    if not isinstance(data, Mapping) or not isinstance(annotations, list):
        raise bad_line(path, line, "neither a record nor a task of Label Studio")
    for annotation in annotations:
        result = annotation.get("result") if isinstance(annotation, Mapping) else None
        if not isinstance(result, list):
            raise bad_line(path, line, "an annotation without a result")
        if annotation.get("was_cancelled"):
            continue
        who = annotation.get("completed_by")
        if isinstance(who, Mapping):
            who = who.get("email") or who.get("id")
        choices = {
            part["from_name"]: part.get("value")
            for part in result
            if isinstance(part, Mapping) and part.get("from_name") in SIDES
        }
        if choices:
            yield line, {**{name: data[name] for name in data if name not in SIDES}, **choices, "annotator": who}


def bad_line(path: Path, line: int, message: str) -> AnnotationError:
    """The error that names a line."""
    return AnnotationError(f"{path}, line {line}: {message}", remedy=f"correct the line; columns: {_COLUMNS}")


def short(value: object) -> str:
    """A foreign value for a message: escaped, and no longer than a line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
