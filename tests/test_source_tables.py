"""Tables of works: every format, columns under other names, and damage that costs only what is damaged."""

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_rows import make_row, read, reasons, write_jsonl

from builders.sources import Entry, Rejection, SourceOptions, open_source, tables
from builders.sources.tables import read_table
from leximind.errors import InputError, NotFoundError

ROWS = [make_row(number) for number in range(5)]


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    flat = [row | {"authors": "; ".join(row["authors"]), "subjects": "Lamps"} for row in rows]
    lines = [",".join(flat[0])]
    lines += [",".join("" if cell is None else f'"{cell}"' for cell in row.values()) for row in flat]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]], rows_a_group: int = 1000) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=rows_a_group)
    return path


def pack(path: Path, suffix: str) -> Path:
    packed = path.with_name(path.name + suffix)
    if suffix == ".gz":
        packed.write_bytes(gzip.compress(path.read_bytes()))
    else:
        with pa.output_stream(str(packed), compression="zstd") as file:
            file.write(path.read_bytes())
    path.unlink()
    return packed


def test_every_format_gives_the_same_entries(tmp_path: Path) -> None:
    expected, rejected = read(write_jsonl(tmp_path / "a.jsonl", ROWS))
    assert [entry.id for entry in expected] == [f"work-{i}" for i in range(5)] and not rejected
    assert expected[0].authors == ("Jane Roe", "John Doe") and expected[0].year == 1800
    assert read(write_csv(tmp_path / "a.csv", ROWS))[0] == expected
    assert read(write_parquet(tmp_path / "a.parquet", ROWS))[0] == expected
    for suffix in (".gz", ".zst"):
        assert read(pack(write_jsonl(tmp_path / "b.jsonl", ROWS), suffix))[0] == expected
        assert read(pack(write_csv(tmp_path / "b.csv", ROWS), suffix))[0] == expected


def test_a_folder_is_read_in_one_order_with_numbers_in_theirs(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "part-10.jsonl", ROWS[3:4])
    write_jsonl(tmp_path / "part-9.jsonl", ROWS[1:3])
    write_parquet(tmp_path / "a.parquet", ROWS[:1])
    write_jsonl(tmp_path / "sub" / "b.jsonl", ["{", ROWS[4]])
    (tmp_path / "README.md").write_text("about these")
    (tmp_path / ".hidden.jsonl").write_text("{")
    entries, rejected = read(tmp_path)
    assert [entry.id for entry in entries] == [f"work-{i}" for i in range(5)]
    assert reasons(rejected) == [("sub/b.jsonl", 1, "The line is not JSON.")]
    assert [entry.id for entry in read(tmp_path, limit=2)[0]] == ["work-0", "work-1"]
    assert read(tmp_path, limit=0) == ([], [])


def test_columns_under_other_names_and_defaults(tmp_path: Path) -> None:
    given = {
        "number": 12,
        "name": "The Lamp",
        "by": "Jane Roe",
        "text": make_row(1)["description"],
        "year": 1.5e3,
    }
    path = write_parquet(tmp_path / "a.parquet", [given, given | {"number": None, "name": "Buoy"}])
    columns = {"id": "number", "title": "name", "authors": "by", "description": "text", "text": "none"}
    defaults = {
        "kind": "book",
        "url": "https://example.org/{name}/{number}",
        "license": "CC0",
        "source": "Press of {by}",
        "subjects": "",
        "text": "",
    }
    entries, rejected = read(path, columns=columns, defaults=defaults)
    (entry,) = entries
    assert (entry.id, entry.title, entry.authors, entry.year) == ("12", "The Lamp", ("Jane Roe",), 1500)
    assert (entry.url, entry.source) == ("https://example.org/The%20Lamp/12", "Press of Jane Roe")
    assert (entry.language, entry.subjects, entry.text) == ("en", (), "")
    assert reasons(rejected) == [("a.parquet", 2, "url is missing.")], "an address is not made of nothing"
    entries, _ = read(
        path, columns=columns, defaults=defaults | {"id": "{digest}", "url": "https://example.org"}
    )
    assert entries[0].id == "12" and len(entries) == 1
    entries, _ = read(
        path,
        columns=columns,
        defaults=defaults | {"id": "{digest}", "url": "https://a.org"},
        deduplicate=False,
    )
    assert len(entries[1].id) == 16 and entries[1].title == "Buoy"


def test_what_a_source_says_comes_before_a_default(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [make_row(0), make_row(1, license=" ", kind=None)])
    entries, _ = read(path, defaults={"license": "CC BY 4.0", "kind": "paper"})
    assert [(entry.kind, entry.license) for entry in entries] == [("book", "CC0-1.0"), ("paper", "CC BY 4.0")]


def test_only_the_columns_that_are_needed_are_read(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", [make_row(0) | {"huge": "x", "page": 3}])
    assert set(next(read_table(path, "a", {"id", "page"})).content) == {"id", "page"}
    (entry,), _ = read(path, defaults={"url": "x", "source": "page {page}"}, columns={"source": "huge"})
    assert entry.source == "x"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{not json", "The line is not JSON."),
        ("[" * 100_000, "The line is not JSON."),
        ("[1, 2]", "The row is not an object"),
        (make_row(9, id=...), "id is missing"),
        (make_row(9, id="  "), "id is empty"),
        (make_row(0), "already that of a.jsonl, row 1"),
        (make_row(9, kind="film"), "book or paper"),
        (make_row(9, title=7), "title is 7, but text was expected"),
        (make_row(9, title="<p> </p>"), "title is empty"),
        (make_row(9, authors=[1]), "list of names"),
        (make_row(9, authors=None), "authors is missing"),
        (make_row(9, subjects={"a": 1}), "list of names"),
        (make_row(9, year="MDCCC"), "whole number"),
        (make_row(9, year=True), "whole number"),
        (make_row(9, year=9999), "-3000 to 2100"),
        (make_row(9, url="javascript:alert(1)"), "http or https"),
        (make_row(9, description="x" * 20_001), "20,001 characters"),
        (make_row(9, license=None), "license is missing"),
        (make_row(9, text=7), "text is 7, but text was expected"),
        (make_row(9, text=" \n ", description=""), "no text is left"),
        (make_row(9, language="fr"), "language is 'fr', but 'en' was expected."),
    ],
)
def test_a_bad_row_is_left_out_with_its_reason(tmp_path: Path, row: Any, reason: str) -> None:
    entries, rejected = read(write_jsonl(tmp_path / "a.jsonl", [make_row(0), row, make_row(2)]))
    assert [entry.id for entry in entries] == ["work-0", "work-2"]
    ((file, number, said),) = reasons(rejected)
    assert (file, number) == ("a.jsonl", 2) and reason in said


def test_rows_are_cleaned(tmp_path: Path) -> None:
    row = make_row(
        0,
        title="A\n  &amp; BrontÃ«",
        description="<p>The lamp was lit.</p><p>It burned\u200b well all the night.</p>",
        authors="X; Y ; X;",
        year="1851.0",
        language="en-GB",
    )
    (entry,), _ = read(write_jsonl(tmp_path / "a.jsonl", [row]))
    assert (entry.title, entry.authors, entry.year) == ("A & Brontë", ("X", "Y"), 1851)
    assert entry.description == "The lamp was lit.\n\nIt burned well all the night."
    assert entry.language == "en"


@pytest.mark.parametrize(
    ("given", "kind", "names"),
    [
        (
            "Marie Curie, Pierre Curie and Irène Curie",
            "paper",
            ("Marie Curie", "Pierre Curie", "Irène Curie"),
        ),
        ("Curie, Marie", "paper", ("Curie, Marie",)),
        ("M. Curie, P. Curie", "paper", ("M. Curie", "P. Curie")),
        ("Le Guin, Ursula K.", "book", ("Le Guin, Ursula K.",)),
        ("Curie, Marie; Curie, Pierre", "paper", ("Curie, Marie", "Curie, Pierre")),
        ("", "book", ()),
    ],
)
def test_several_authors_in_one_cell(tmp_path: Path, given: str, kind: str, names: tuple[str, ...]) -> None:
    (entry,), _ = read(write_jsonl(tmp_path / "a.jsonl", [make_row(0, authors=given, kind=kind)]))
    assert entry.authors == names


def test_bad_csv_rows(tmp_path: Path) -> None:
    flat = make_row(0) | {"authors": "A", "subjects": "S"}
    good = ",".join(map(str, flat.values()))
    data = "\n".join([",".join(flat), good, good.replace("work-0", "w1") + ",x", "w2,book", ""]).encode()
    data += good.replace("work-0", "w3").encode().replace(b"Title", b"T\xe9tle")
    (tmp_path / "a.csv").write_bytes(data)
    entries, rejected = read(tmp_path / "a.csv")
    assert [entry.id for entry in entries] == ["work-0"]
    assert reasons(rejected) == [
        ("a.csv", 3, "The row has 1 more cells than the header."),
        ("a.csv", 4, "The row ends before the column 'title'."),
        ("a.csv", 5, "The row is not UTF-8."),
    ]


def test_a_damaged_row_group_costs_itself_only(tmp_path: Path) -> None:
    rows = [make_row(number) for number in range(40)]
    path = write_parquet(tmp_path / "a.parquet", rows, rows_a_group=10)
    whole, _ = read(path)
    data, group = bytearray(path.read_bytes()), pq.ParquetFile(path).metadata.row_group(1)
    for index in range(group.num_columns):
        chunk = group.column(index)
        first = chunk.dictionary_page_offset or chunk.data_page_offset
        data[first : first + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(data)
    entries, rejected = read(path)
    assert entries == whole[:10] + whole[20:]
    ((file, number, reason),) = reasons(rejected)
    assert (file, number) == ("a.parquet", 11) and "Rows 11 to 20 cannot be read" in reason


def test_cut_files_cost_their_rest_only(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "d.jsonl", ROWS[4:])
    rows = [make_row(number) for number in range(100, 400)]
    for suffix in (".gz", ".zst"):
        packed = pack(write_jsonl(tmp_path / f"b{suffix[1]}.jsonl", rows), suffix)
        packed.write_bytes(packed.read_bytes()[: packed.stat().st_size * 2 // 3])
    parquet = write_parquet(tmp_path / "c.parquet", ROWS)
    parquet.write_bytes(parquet.read_bytes()[:-20])
    (tmp_path / "e.parquet").write_bytes(b"")
    entries, rejected = read(tmp_path, deduplicate=False)
    files = [rejection.file for rejection in rejected if "already" not in rejection.reason]
    assert files[-2:] == ["c.parquet", "e.parquet"] and {"bg.jsonl.gz"} <= set(files)
    assert rejected[-1].row == 0 and "not a readable Parquet file" in rejected[-1].reason
    assert any("cannot be read from here on" in r.reason or "not JSON" in r.reason for r in rejected)
    assert entries[-1].id == "work-4" and len(entries) > 50


def test_a_line_without_end_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_LINE_BYTES", 4096)
    path = write_jsonl(tmp_path / "a.jsonl", [ROWS[0], make_row(9, description="x" * 20_000), ROWS[1]])
    entries, rejected = read(path)
    assert [entry.id for entry in entries] == ["work-0", "work-1"]
    assert rejected[0].row == 2 and "The line has more than" in rejected[0].reason


def test_places_that_cannot_be_read_say_so_at_once(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no file or folder"):
        open_source(tmp_path / "gone.jsonl")
    with pytest.raises(NotFoundError, match=r"no \.jsonl file, other table or document"):
        open_source(tmp_path)
    (tmp_path / "a.xlsx").write_text("x")
    with pytest.raises(InputError, match=r"one of \.jsonl, \.csv, \.parquet"):
        open_source(tmp_path / "a.xlsx")
    for prefix in ("arxiv", "gutenberg", "standardebooks"):
        with pytest.raises(NotFoundError, match="There is no"):
            open_source(f"{prefix}:{tmp_path / 'gone'}")
        with pytest.raises(InputError, match="names no place"):
            open_source(f"{prefix}:")
    with pytest.raises(InputError, match="'author' is no column of a work; one of id, kind"):
        SourceOptions(columns={"author": "by"})
    with pytest.raises(InputError, match="limit is -1"):
        SourceOptions(limit=-1)


def test_a_mapping_to_a_column_that_is_not_there(tmp_path: Path) -> None:
    entries, rejected = read(write_jsonl(tmp_path / "a.jsonl", ROWS[:1]), columns={"title": "name"})
    assert not entries and rejected[0].reason == "There is no column 'name', which was named for title."
    assert rejected[0].id == "work-0"


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_lines: list[int] = []

    def endless(path: Path, name: str, wanted: Any = None) -> Any:
        for number in itertools.count(1):
            read_lines.append(number)
            yield tables.Found(name, number, make_row(number) if number % 3 else "no row")

    monkeypatch.setattr("builders.sources.places.read_table", endless)
    items = open_source(write_jsonl(tmp_path / "a.jsonl", []), SourceOptions(limit=6))
    assert not read_lines
    first = list(itertools.islice(items, 4))
    assert [type(item) for item in first] == [Entry, Entry, Rejection, Entry] and read_lines == [1, 2, 3, 4]
    assert len([item for item in items if isinstance(item, Entry)]) == 3 and read_lines[-1] == 8


def test_full_texts_are_joined_by_number_and_by_id(tmp_path: Path) -> None:
    chapter = "\n\n".join(f"CHAPTER {i}\n\n{make_row(i)['description']}" for i in range(1, 9))
    texts = [
        {"gutenberg_id": 2701.0, "id": None, "text": f"{chapter} Whale."},
        {"gutenberg_id": None, "id": "work-2", "text": f"{chapter} Lamp."},
        {"gutenberg_id": 5.0, "id": "work-9", "text": None},
    ]
    rows = [
        make_row(1, url="https://www.gutenberg.org/ebooks/2701"),
        make_row(2, description=""),
        make_row(3, gutenberg_id="2701", text="Its own text."),
        make_row(4, gutenberg_id=2701),
        make_row(5, url="https://www.gutenberg.org/ebooks/5"),
    ]
    source = write_jsonl(tmp_path / "works.jsonl", rows)
    for path in (
        write_parquet(tmp_path / "t.parquet", texts),
        write_jsonl(tmp_path / "t" / "t.jsonl", texts),
    ):
        entries, rejected = read(source, texts=path, deduplicate=False)
        assert not rejected
        endings = [entry.text.rpartition(" ")[2] for entry in entries]
        assert endings == ["Whale.", "Lamp.", "text.", "Whale.", ""]
        assert (
            entries[1].description.startswith("In 2440 the engine")
            and entries[0].description == rows[0]["description"]
        )


def test_texts_that_cannot_be_joined(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "works.jsonl", ROWS[:1])
    with pytest.raises(NotFoundError, match="with full texts"):
        open_source(source, SourceOptions(texts=tmp_path / "gone.parquet"))
    with pytest.raises(InputError, match="lacks text"):
        read(source, texts=write_jsonl(tmp_path / "t.jsonl", [{"id": "work-0", "body": "x"}]))
    broken = write_jsonl(tmp_path / "t.jsonl", ["{", {"id": "work-0", "text": "The lamp."}])
    (entry,), rejected = read(source, texts=broken)
    assert entry.text == "The lamp." and reasons(rejected) == [("t.jsonl", 1, "The line is not JSON.")]


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    rows = [make_row(i % 7, id=f"w{i}") for i in range(30)]
    path = write_jsonl(tmp_path / "a.jsonl", [*rows, "{"])
    assert list(open_source(path)) == list(open_source(path))
    assert json.dumps([item.id for item in open_source(path)][:7]) == json.dumps([f"w{i}" for i in range(7)])
