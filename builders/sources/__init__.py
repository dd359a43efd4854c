"""Works to analyse, from files: rows that fit become entries, the others are reported and left out."""

from builders.sources.entry import Entry, Rejection, read_entry
from builders.sources.files import Source, read_source

__all__ = ["Entry", "Rejection", "Source", "read_entry", "read_source"]
