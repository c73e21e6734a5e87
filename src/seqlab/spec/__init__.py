"""Specs: typed values that describe experiments, their saved form, and how they are changed and compared.

from seqlab.spec import Field, Part, find, override, diff, id, to_json, from_json
"""

from seqlab.spec.compare import diff, id
from seqlab.spec.describe import describe
from seqlab.spec.errors import SpecError, did_you_mean
from seqlab.spec.find import find, load_file, members, names
from seqlab.spec.override import override
from seqlab.spec.part import Field, Part, label
from seqlab.spec.paths import matching_paths
from seqlab.spec.saved import from_json, to_json
from seqlab.spec.set_back import set_back

__all__ = [
    "Field", "Part", "SpecError", "describe", "did_you_mean", "diff", "find", "from_json", "id", "label",
    "load_file", "matching_paths", "members", "names", "override", "set_back", "to_json",
]  # fmt: skip
