"""The files of the networks' weights: found, fetched, and proved to be the right ones.

    cache    the folder, and the records beside its files
    proof    where weights are, and whether they are the right ones
    arrival  fetched, brought in a file, converted

Enters: an entry of ``models``. Leaves: the path of a file whose sha256 was checked. Weights come from three
places: inside an installed package, from an https address into the cache folder, or through ``transformers``,
which keeps its own cache. Nothing is ever loaded here, and nothing is random: weights that are absent or not the
pinned ones are an error that names the command that helps.

A file that nobody here could pin is recorded at its first fetch: its sha256 stands in the side-car, and another
file is refused from then on. A cached file exists if and only if its side-car does. Of what was converted before it
was kept the pin is that of the file as it came, and the side-car holds both digests.
"""

from vegas_data.models import ModelEntry, load_registry, select_model
from vegas_data.weights.arrival import Converter, convert_file, fetch, install
from vegas_data.weights.cache import cache_folder, read_record
from vegas_data.weights.proof import CheckResult, check, locate, weights_digest

__all__ = [
    "CheckResult",
    "Converter",
    "ModelEntry",
    "cache_folder",
    "check",
    "convert_file",
    "fetch",
    "install",
    "load_registry",
    "locate",
    "read_record",
    "select_model",
    "weights_digest",
]
