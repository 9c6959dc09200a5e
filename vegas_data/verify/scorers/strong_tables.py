"""Where AudioSet's strong labels lie on this machine, and the digest of what they say.

Apart from the scorer that reads them, because every command asks for the digest.
"""

import functools
from pathlib import Path
from typing import Final

from vegas_data.config import digest
from vegas_data.errors import WeightsMissing
from vegas_data.sources import cache_folder
from vegas_data.store import sha256_of

ONTOLOGY: Final = "ontology.json"
TABLES: Final = "*_strong.tsv"
_REMEDY: Final = (
    "`vegas-data manifest build --with-priors` downloads them; or name a folder that holds them as `model` of the "
    "scorer strong-labels"
)


def find_tables(model: str = "") -> tuple[Path, tuple[Path, ...]]:
    """The ontology and the tables of strong labels in the folder ``model``, or where downloaded tables are kept.

    Raises:
        WeightsMissing: one of the two is not there.
    """
    folder = Path(model).expanduser() if model else cache_folder()
    tables = tuple(sorted(folder.glob(TABLES)))
    missing = ([] if (folder / ONTOLOGY).is_file() else [ONTOLOGY]) + ([] if tables else [TABLES])
    if missing:
        raise WeightsMissing(f"strong-labels: {folder} holds no {' and no '.join(missing)}", remedy=_REMEDY)
    return folder / ONTOLOGY, tables


def tables_digest(model: str = "") -> str:
    """Digest of the tables' contents; raises as ``find_tables``."""
    ontology, tables = find_tables(model)
    return digest("strong-labels", {path.name: _sha256(path, path.stat().st_mtime_ns) for path in (ontology, *tables)})


@functools.cache
def _sha256(path: Path, _mtime_ns: int) -> str:
    return sha256_of(path)
