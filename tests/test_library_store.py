"""Reading and writing discovery folders, and what happens when they are damaged."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leximind.errors import DataError, NotFoundError
from leximind.labels import EMOTIONS, KINDS, TOPICS
from leximind.library import dataset, store
from leximind.library.keyword import KeywordIndex
from leximind.library.store import Library, load_library, write_discovery, write_indexes
from leximind.library.vectors import VectorIndex


@pytest.fixture
def copy(library_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(library_folder, tmp_path / "copy"))


def test_a_library_knows_its_works(library: Library) -> None:
    row = library.row("republic")
    work = library.works[row]
    assert work.title == "The Republic"
    assert KINDS[library.kinds[row]] == "book"
    assert TOPICS[library.topics[row]] == "Philosophy"
    assert library.years[row] == -375
    assert [EMOTIONS[i] for i in np.flatnonzero(library.tones[row])] == ["approval", "curiosity"]
    assert not library.has_year[library.row("undated")]
    assert np.allclose(np.linalg.norm(library.embeddings, axis=1), 1, atol=1e-5)
    assert library.embeddings.dtype == np.float32
    assert np.allclose(library.emotion_mean, library.emotions.mean(axis=0))
    assert (library.emotion_std > 0).all()


@pytest.mark.parametrize("work_id", ["nope", "", None, ["moby-dick"]])
def test_an_unknown_work_is_not_found(library: Library, work_id: Any) -> None:
    with pytest.raises(NotFoundError, match="There is no work"):
        library.row(work_id)


def test_fresh_indexes_are_opened_and_stale_ones_rebuilt(copy: Path, monkeypatch: Any) -> None:
    builds: list[int] = []
    build = KeywordIndex.build.__func__  # type: ignore[attr-defined]

    def counted(cls: type[KeywordIndex], *args: Any) -> KeywordIndex:
        builds.append(1)
        made: KeywordIndex = build(cls, *args)
        return made

    monkeypatch.setattr(KeywordIndex, "build", classmethod(counted))
    assert Library.from_folder(copy).keyword.search("whale")
    assert not builds
    stamp = copy / store.STAMP
    stamp.write_text(json.dumps({"version": "older", "format": 1}))
    library = Library.from_folder(copy)
    assert library.keyword.search("whale")
    assert builds == [1]
    assert len(library.vectors) == len(library)


@pytest.mark.parametrize("damage", ["remove", "truncate"])
def test_damaged_indexes_are_built_in_memory(copy: Path, damage: str) -> None:
    if damage == "remove":
        shutil.rmtree(copy / store.KEYWORD)
        (copy / store.VECTORS).unlink()
    else:
        (copy / store.KEYWORD / "meta.json").write_text("{")
        (copy / store.VECTORS).write_bytes(b"not an index")
    library = Library.from_folder(copy)
    assert library.keyword.search("whale")
    assert library.vectors.search(library.embeddings[:1], 1)[0][0][0] == 0


@pytest.mark.parametrize("damage", ["remove", "stale", "cut"])
def test_indexes_are_repaired_on_disk_once(copy: Path, damage: str, monkeypatch: Any) -> None:
    if damage == "remove":
        shutil.rmtree(copy / "index")
    elif damage == "stale":
        (copy / store.STAMP).write_text(json.dumps({"version": "older", "format": 1}))
    else:
        (copy / store.VECTORS).write_bytes((copy / store.VECTORS).read_bytes()[:1000])
    library = Library.from_folder(copy)
    assert library.vectors.search(library.embeddings[:1], 1)[0][0][0] == 0
    assert library.keyword.search("whale")
    assert not list(copy.glob(".*"))

    def fail(*_: Any) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(store, "write_indexes", fail)
    monkeypatch.setattr(VectorIndex, "build", fail)
    again = Library.from_folder(copy)
    assert len(again.vectors) == len(again.keyword) == len(again)


def test_an_index_that_cannot_be_written_is_built_in_memory(copy: Path, monkeypatch: Any) -> None:
    shutil.rmtree(copy / "index")

    def refuse(*_: Any) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(store, "write_indexes", refuse)
    library = Library.from_folder(copy)
    assert len(library.vectors) == len(library.keyword) == len(library)
    assert not (copy / "index").exists()


def test_a_large_dataset_is_written_and_read_in_groups(copy: Path, tmp_path: Path, monkeypatch: Any) -> None:
    whole = dataset.read_table(copy)
    monkeypatch.setattr(dataset, "ROW_GROUP", 8)
    versions = set()
    for size in (1, 5, 31):
        parts = [whole.slice(start, size) for start in range(0, len(whole), size)]
        versions.add(write_discovery(iter(parts), tmp_path / str(size), model="fake-1"))
        assert [len(table) for table in dataset.read_tables(tmp_path / str(size))] == [8, 8, 8, 7]
        assert dataset.read_table(tmp_path / str(size)) == whole
        assert len(Library.from_folder(tmp_path / str(size)).vectors) == 31
    assert len(versions) == 1
    with pytest.raises(DataError, match="already that of row 3"):
        write_discovery([whole.slice(0, 20), whole.slice(3, 1)], tmp_path / "twice", model="fake-1")


def test_write_indexes_repairs_and_leaves_no_lock_files(copy: Path) -> None:
    shutil.rmtree(copy / "index")
    write_indexes(copy)
    assert not list((copy / store.KEYWORD).glob("*.lock"))
    opened = KeywordIndex.open(copy / store.KEYWORD)
    assert len(opened) == len(Library.from_folder(copy))


def test_missing_and_damaged_files_are_explained(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"manifest\.json is missing"):
        Library.from_folder(tmp_path / "nowhere")
    works = copy / store.WORKS
    whole = works.read_bytes()
    works.write_bytes(whole[:1000])
    with pytest.raises(DataError, match="not a readable Parquet"):
        Library.from_folder(copy)
    works.unlink()
    with pytest.raises(NotFoundError, match="is missing"):
        Library.from_folder(copy)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "does not say"),
        ('{"n_works": 1, "version": "x", "model": "m"}', "schema version None"),
        ('{"schema_version": 2, "n_works": 31, "version": "x", "model": "m"}', "the manifest is that of"),
    ],
)
def test_a_manifest_that_does_not_fit_is_explained(copy: Path, text: str, message: str) -> None:
    (copy / store.MANIFEST).write_text(text)
    with pytest.raises(DataError, match=message):
        Library.from_folder(copy)


def test_the_embedded_dataset_stands_in_with_a_note(
    library_folder: Path, copy: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(store, "DISCOVERY_DIR", library_folder)
    library, note = load_library("")
    assert (len(library), note) == (31, "")
    assert load_library(str(copy))[1] == ""
    (copy / store.MANIFEST).write_text("{")
    for source in (str(copy), "no such thing", str(tmp_path / "nowhere")):
        library, note = load_library(source)
        assert len(library) == 31
        assert source in note
        assert "embedded works" in note


def test_a_hub_dataset_is_downloaded_without_its_indexes(copy: Path, monkeypatch: Any) -> None:
    calls: list[tuple[str, dict[str, Any]]] = []

    def download(repo_id: str, **options: Any) -> str:
        calls.append((repo_id, options))
        return str(copy)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    library, note = load_library("someone/shelf")
    assert (len(library), note) == (31, "")
    ((repo_id, options),) = calls
    assert repo_id == "someone/shelf"
    assert options["repo_type"] == "dataset"
    assert options["allow_patterns"] == [store.WORKS, dataset.SHARDS, store.MANIFEST]


def test_an_unreachable_hub_is_told(library_folder: Path, monkeypatch: Any) -> None:
    def fail(*args: Any, **options: Any) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    monkeypatch.setattr(store, "DISCOVERY_DIR", library_folder)
    library, note = load_library("someone/shelf")
    assert len(library) == 31
    assert "The Hub did not give someone/shelf" in note
