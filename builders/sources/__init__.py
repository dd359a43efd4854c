"""Works to analyse, from wherever they are: what fits becomes an entry, the rest is reported and left out."""

from builders.sources.entry import Entry, Rejection, read_entry
from builders.sources.options import SourceOptions
from builders.sources.places import open_source

__all__ = ["Entry", "Rejection", "SourceOptions", "open_source", "read_entry"]
