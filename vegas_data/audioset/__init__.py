"""AudioSet's tables → candidate clips of the categories. Knows nothing of workspaces."""

from vegas_data.audioset.candidates import Candidates, find_candidates
from vegas_data.audioset.lines import BadRow, BadRows
from vegas_data.audioset.ontology import Ontology, load_class_labels, load_ontology
from vegas_data.audioset.priors import read_label_quality
from vegas_data.audioset.selection import Tables

__all__ = [
    "BadRow",
    "BadRows",
    "Candidates",
    "Ontology",
    "Tables",
    "find_candidates",
    "load_class_labels",
    "load_ontology",
    "read_label_quality",
]
