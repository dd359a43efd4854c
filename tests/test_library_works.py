"""Works that are made when they are looked at, and large datasets whose rows are mapped."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from leximind.errors import DataError
from leximind.library import dataset, mapped, vectors
from leximind.library.columns import order_titles
from leximind.library.filters import Filters
from leximind.library.store import Library, write_indexes
from leximind.library.work import Work, read_works
from leximind.library.works import Works


def test_works_are_a_sequence(table: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read_works(table)
    chunks = pa.concat_tables([table.slice(0, 3), table.slice(3, 0), table.slice(3, 20), table.slice(23)])
    works = Works(chunks)
    assert len(works) == len(expected)
    assert list(works) == works[:] == expected
    assert works[2:30:9] == expected[2:30:9]
    assert [works[row] for row in (0, 2, 3, 22, 23, -1)] == [expected[row] for row in (0, 2, 3, 22, 23, -1)]
    assert works[np.int64(4)] is works[4]  # made once
    for row in (31, -32):
        with pytest.raises(IndexError, match="of 31 works"):
            works[row]
    assert list(Works(table.slice(0, 0))) == []


def test_only_works_that_are_looked_at_are_made(
    library_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counted(cls: type[Work], row: dict[str, Any]) -> Work:
        made.append(row["id"])
        return cls(**row)

    monkeypatch.setattr(Work, "from_row", classmethod(counted))
    library = Library.from_folder(library_folder)
    library.mask(Filters(kind="book", emotions=("love",), year_from=1800))
    assert (
        library.row("emma") and library.keyword.search("whale") and len(library.title_order) == len(library)
    )
    assert made == []
    assert library.works[library.row("emma")].title == "Emma"
    assert made == ["emma"]


def test_titles_are_filed_as_by_a_librarian() -> None:
    titles = [
        "the Zoo",
        "Éclair",
        "“A Dog”",
        "An apple",
        "eclipse",
        "1984",
        "Thecla",
        "А роза",
        "apple",
        "the",
    ]
    order = order_titles(pa.chunked_array([titles[:4], titles[4:]]))
    assert [titles[row] for row in order] == [
        "1984", "An apple", "apple", "“A Dog”", "eclipse", "Éclair", "the", "Thecla", "the Zoo", "А роза",
    ]  # fmt: skip


@pytest.fixture
def large(library_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset that counts as large, indexed."""
    for module in (dataset, vectors):
        monkeypatch.setattr(module, "LARGE", 20)
    folder = Path(shutil.copytree(library_folder, tmp_path / "large"))
    write_indexes(folder)
    return folder


def refuse(*_: Any) -> None:
    raise AssertionError("the works were read")


def test_a_large_dataset_is_mapped_and_the_same(
    large: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leximind.library.store.read_table", refuse)
    opened = Library.from_folder(large)
    assert isinstance(opened.embeddings, np.memmap)
    assert list(opened.works) == list(library.works)
    assert np.array_equal(opened.embeddings, library.embeddings)
    for name in ("kinds", "topics", "tones", "years", "has_year", "n_words", "emotions"):
        assert np.array_equal(getattr(opened, name), getattr(library, name)), name
    assert not opened.vectors.is_exact
    (found,), (exact,) = (each.vectors.search(each.embeddings[5:6], 3) for each in (opened, library))
    assert [row for row, _ in found] == [row for row, _ in exact]
    assert opened.keyword.search("mobby dick") == library.keyword.search("mobby dick")


@pytest.mark.parametrize("damage", ["rows", "embeddings", "missing", "stale"])
def test_a_damaged_map_is_not_used(large: Path, library: Library, damage: str) -> None:
    if damage == "rows":
        (large / "index" / mapped.ROWS).write_bytes(b"ARROW1 no more")
    elif damage == "embeddings":
        np.save(large / "index" / mapped.EMBEDDINGS, np.zeros((3, 384), np.float32))
    elif damage == "missing":
        (large / "index" / mapped.EMBEDDINGS).unlink()
    else:
        (large / dataset.STAMP).write_text("{}")
    opened = Library.from_folder(large)
    assert not isinstance(opened.embeddings, np.memmap)
    assert opened.works[:] == library.works[:]
    assert opened.keyword.search("whale")
    assert (damage in ("missing", "stale")) == isinstance(Library.from_folder(large).embeddings, np.memmap)


def test_other_works_than_those_indexed_are_told(large: Path, table: pa.Table) -> None:
    dataset.write_discovery(table.slice(0, 25), large.parent / "other", model="fake-1")
    shutil.copy(large.parent / "other" / dataset.WORKS, large / dataset.WORKS)
    with pytest.raises(DataError, match="has 25 works"):
        Library.from_folder(large)
