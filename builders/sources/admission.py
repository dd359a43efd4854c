"""From the rows of a source to the works that are taken, and a reason for each that is not."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from builders.sources.columns import arrange
from builders.sources.duplicates import Seen
from builders.sources.entry import Entry, Rejection, RowError, read_entry
from builders.sources.found import Found, Opened
from builders.sources.language import settle
from builders.sources.options import SourceOptions
from builders.sources.texts import Texts


def admit(source: Opened, options: SourceOptions, texts: Texts) -> Iterator[Entry | Rejection]:
    """Map, clean and judge rows one by one, in their order; nothing is read ahead."""
    n_taken = 0
    with Seen(deduplicate=options.deduplicate) as seen, texts:
        if options.limit == 0:
            return
        yield from (_reject(found, None, found.content) for found in texts.load())
        for found in source.rows:
            row = found.content
            try:
                if isinstance(row, RowError):
                    raise row
                row = arrange(row, options.columns, options.defaults, source.fallbacks)
                entry = _judge(texts.join(row), options)
                seen.add(entry, f"{found.file}, row {found.row}" if found.row else found.file)
            except RowError as error:
                yield _reject(found, row, error)
                continue
            yield entry
            n_taken += 1
            if n_taken == options.limit:
                return


def _judge(row: Mapping[str, Any], options: SourceOptions) -> Entry:
    entry = read_entry(row)
    language, fault = settle(entry.language, entry.description, entry.text, options.languages)
    if fault:
        raise RowError(fault)
    return replace(entry, language=language)


def _reject(found: Found, row: Any, error: RowError) -> Rejection:
    name = row.get("id") if isinstance(row, Mapping) else None
    return Rejection(found.file, found.row, name if isinstance(name, str) else "", str(error))
