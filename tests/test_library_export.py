"""The library in the formats of other programs, each read back by a reader that is not ours."""

import csv
import io
import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bibtexparser
import mlcroissant
import pytest
import rispy
from bibtexparser.middlewares import LatexDecodingMiddleware, SeparateCoAuthors
from datasets.info import DatasetInfosDict
from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db

from leximind import cli
from leximind.errors import DataError, InputError, NotFoundError
from leximind.labels import EMOTIONS
from leximind.library.bibtex import escape, write_bibtex
from leximind.library.checks import check
from leximind.library.croissant import CROISSANT, INFOS, MEANINGS, describe, digest
from leximind.library.export import FORMATS, export, write_file
from leximind.library.references import split_name, write_reference
from leximind.library.ris import write_ris
from leximind.library.statistics import COLUMNS, count, draw_statistics, name_century
from leximind.library.store import Library
from leximind.library.work import SCHEMA, Work, features

NASTY = r"""100% of #1 A_B & C: {open, $x^2$ ~ \emph{y}} "q" @string{a} \input{/etc/passwd} é Ł 漢 }{"""


@pytest.fixture
def folder(library_folder: Path, tmp_path: Path) -> Path:
    """A dataset that a test may change."""
    return Path(shutil.copytree(library_folder, tmp_path / "dataset"))


def read_bibtex(text: str) -> bibtexparser.Library:
    known = get_default_latex_context_db()
    signs = {"textbraceleft": "{", "textbraceright": "}", "textasciicircum": "^"}
    macros = [MacroTextSpec(name, sign) for name, sign in signs.items()]
    known.add_context_category("signs", macros=macros, prepend=True)  # it does not know these of LaTeX's own
    decoder = LatexNodes2Text(latex_context=known, keep_comments=True)
    library = bibtexparser.parse_string(text, append_middleware=[LatexDecodingMiddleware(decoder=decoder)])
    assert library.failed_blocks == []
    return library


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_statistics_count_every_work_once(library: Library) -> None:
    works = library.works
    found = count(works)
    assert found.n_works == len(works) == 31
    assert found.kinds == {"book": 21, "paper": 10}
    assert sum(found.topics.values()) == 31 and found.topics["Fiction"] == 8
    assert sum(found.centuries.values()) + found.n_undated == 31 and found.n_undated == 1
    assert found.centuries[-500] == 1 and found.centuries[-400] == 1 and found.centuries[1800] == 13
    assert found.tones == Counter(name for work in works for name in work.tone)
    assert list(found.tones.values()) == sorted(found.tones.values(), reverse=True)
    assert found.n_toneless == sum(not work.tone for work in works)
    assert found.languages == {"en": 31}
    assert found.licenses["Project Gutenberg"] == {"Public domain in the USA": 21}
    json.dumps(found.to_dict())
    assert set(COLUMNS) <= set(SCHEMA.names)


def test_statistics_of_nothing_and_of_strange_works(library: Library) -> None:
    nothing = count([])
    assert nothing.n_works == 0 and draw_statistics(nothing).startswith("0 works")
    odd = replace(library.works[0], license="\x1b[31mred\nnext", source="a|b", year=None, tone=())
    text = draw_statistics(count([odd]))
    assert text.startswith("1 work\n") and "\x1b" not in text
    assert "without a year" in text and "nothing stands out" in text


@pytest.mark.parametrize(
    ("year", "name"),
    [(1851, "1800-1899"), (2000, "2000-2099"), (50, "0-99"), (-1, "100-1 BC"), (-500, "500-401 BC")],
)
def test_centuries(library: Library, year: int, name: str) -> None:
    (first,) = count([replace(library.works[0], year=year)]).centuries
    assert first <= year < first + 100
    assert name_century(first) == name


def test_csv_is_what_a_spreadsheet_reads(library: Library) -> None:
    rows = read_csv("".join(export(library.works, "csv")))
    assert [row["id"] for row in rows] == [work.id for work in library.works]
    by_id = {row["id"]: row for row in rows}
    assert by_id["attention"]["subjects"] == "Machine learning; Translation"
    assert by_id["art-war"]["year"] == "-500", "a number stays one"
    assert by_id["undated"]["year"] == "" and by_id["undated"]["authors"] == ""
    assert by_id["emma"]["tone"] == "amusement; love"
    assert by_id["emma"]["n_words"] == "90000" and by_id["dna"]["n_words"] == ""
    plain = {name for name in SCHEMA.names if not name.endswith("scores")} - {"emotions", "arc", "embedding"}
    assert set(rows[0]) == plain - {"x", "y"}


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x","y")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1",
        "  =1", "＝1", "\u00a0=1",
    ],
)  # fmt: skip
def test_csv_runs_nothing(library: Library, text: str) -> None:
    work = replace(library.works[0], title=text, authors=(text, "B"), subjects=("a", text))
    (row,) = read_csv("".join(export([work], "csv")))
    assert row["title"] == f"'{text}"
    assert row["authors"].startswith("'")
    assert row["subjects"] == f"a; {text}", "in the middle of a cell it is no formula"


def test_csv_keeps_quotes_commas_and_line_breaks(library: Library) -> None:
    text = 'He said: "one, two",\nand\r\nthree; four'
    (row,) = read_csv("".join(export([replace(library.works[0], description=text)], "csv")))
    assert row["description"] == text


def test_jsonl_has_all_but_the_embedding(library: Library) -> None:
    rows = [json.loads(line) for line in "".join(export(library.works, "jsonl")).splitlines()]
    assert rows == [work.to_dict() for work in library.works]
    assert set(rows[0]) == set(SCHEMA.names) - {"embedding"}
    odd = replace(library.works[0], title="a\u2028b\nc")
    assert len("".join(export([odd], "jsonl")).split("\n")) == 2, "one line a work"


def test_bibtex_is_read_back_by_bibtexparser(library: Library) -> None:
    entries = read_bibtex("".join(export(library.works, "bibtex"))).entries
    assert [entry.key for entry in entries] == [work.id for work in library.works]
    for entry, work in zip(entries, library.works, strict=True):
        fields = {name: field.value for name, field in entry.fields_dict.items()}
        assert entry.entry_type == ("book" if work.kind == "book" else "misc")
        assert fields["title"] == work.title
        assert fields["url"] == work.url
        assert fields.get("author", "") == " and ".join(work.authors)
        assert fields["abstract"] == work.description
    by_key = {entry.key: entry.fields_dict for entry in entries}
    assert by_key["art-war"]["year"].value == "500 BC"
    assert "year" not in by_key["undated"] and "author" not in by_key["undated"]


def test_bibtex_escapes_what_latex_would_run(library: Library) -> None:
    escaped = escape(NASTY)
    assert escaped.count("{") == escaped.count("}"), "an unbalanced brace would end the entry"
    depth = 0
    for sign in escaped:
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert r"\input" not in escaped and r"\emph" not in escaped
    work = replace(library.works[0], title=NASTY, description=NASTY, source=NASTY, subjects=(NASTY,))
    text = "".join(write_bibtex([work, library.works[1]]))
    first, second = read_bibtex(text).entries
    assert first.fields_dict["abstract"].value == NASTY
    assert second.key == "frankenstein", "what follows is whole"


def test_bibtex_kinds_and_identifiers(library: Library) -> None:
    paper = next(work for work in library.works if work.kind == "paper")
    given = {
        "https://arxiv.org/abs/1706.03762v5": ("misc", {"eprint": "1706.03762", "archiveprefix": "arXiv"}),
        "https://arxiv.org/abs/math/0211159": ("misc", {"eprint": "math/0211159"}),
        "https://doi.org/10.1038/171737a0": ("article", {"doi": "10.1038/171737a0", "journal": "Nature"}),
        "https://doi.org/10.1002/(SICI)1%3C1": ("article", {"doi": "10.1002/(SICI)1%3C1"}),
        "https://example.org/a%20b?x=1#y": ("misc", {"url": "https://example.org/a%20b?x=1#y"}),
        "https://example.org/{x}\\y": ("misc", {"url": "https://example.org/%7Bx%7D%5Cy"}),
    }
    for url, (kind, fields) in given.items():
        text = "".join(write_bibtex([replace(paper, url=url, source="Nature")]))
        (entry,) = bibtexparser.parse_string(text).entries  # as it stands: in an address % is no comment
        assert entry.entry_type == kind, url
        assert {name: entry.fields_dict[name].value for name in fields} == fields
    unnamed = replace(paper, url="https://doi.org/10.1/x", source="DOI")
    (entry,) = read_bibtex("".join(write_bibtex([unnamed]))).entries
    assert entry.entry_type == "misc" and "journal" not in entry.fields_dict


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Jane Austen", "Jane Austen"),
        ("Martin Luther King Jr.", "King, Jr., Martin Luther"),
        ("John D. Rockefeller, Sr.", "Rockefeller, Sr., John D."),
        ("Henry Adams II", "Adams, II, Henry"),
        ("Smith and Sons", "{Smith and Sons}"),
        ("Procter & Gamble", r"Procter \& Gamble"),
        ("Plato", "Plato"),
        ("Vincent van Gogh", "Vincent van Gogh"),
        ("Ursula K. Le Guin", "Le Guin, Ursula K."),
        ("Hildegard of Bingen", "{Hildegard of Bingen}"),
        ("Alexander Hamilton", "Alexander Hamilton"),
    ],
)
def test_bibtex_names(library: Library, name: str, written: str) -> None:
    text = "".join(write_bibtex([replace(library.works[0], authors=(name, "B. Other"))]))
    assert f"  author = {{{written} and B. Other}},\n" in text
    parsed = bibtexparser.parse_string(text, append_middleware=[SeparateCoAuthors()])
    assert len(parsed.entries[0].fields_dict["author"].value) == 2


def test_bibtex_keys_are_unique_and_plain(library: Library) -> None:
    ids = ["a b", "a-b", "A-B", "ü", "", "a,b}", "x/y:z"]
    works = [replace(library.works[0], id=name) for name in ids]
    keys = [entry.key for entry in read_bibtex("".join(write_bibtex(works))).entries]
    assert keys == ["a-b", "a-b-2", "A-B-3", "work", "work-2", "a-b-4", "x/y:z"]


def read_ris(works: list[Work]) -> list[dict[str, Any]]:
    text = "".join(write_ris(works))
    assert text.count("\r\n") == text.count("\n"), "the format's line end"
    return list(rispy.loads(text))


def test_ris_is_read_back_by_rispy(library: Library) -> None:
    records = read_ris(list(library.works))
    assert [record["id"] for record in records] == [work.id for work in library.works]
    for record, work in zip(records, library.works, strict=True):
        assert record["type_of_reference"] == ("BOOK" if work.kind == "book" else "GEN")
        assert record["title"] == work.title
        assert record.get("authors", []) == [split_name(name).inverted for name in work.authors]
        assert record["urls"] == [work.url]
        assert record["keywords"] == list(work.subjects)
        assert record["abstract"] == work.description
    years = {record["id"]: record.get("year") for record in records}
    assert years["moby-dick"] == "1851" and years["meditations"] == "0180"
    assert years["art-war"] == "500 BC" and years["undated"] is None


def test_no_text_breaks_out_of_its_ris_line(library: Library) -> None:
    hostile = "one\r\nER  - \r\nTY  - BOOK\u2028two\x85three\x0bAU  - Nobody\x00🐋"
    work = replace(
        library.works[0],
        id=f"a{hostile}",
        title=hostile,
        authors=(hostile, "Jane Austen"),
        subjects=(hostile, ""),
        description=hostile,
        source=hostile,
    )
    first, second = read_ris([work, library.works[1]])
    assert first["title"] == first["abstract"] == "one ER - TY - BOOK two three AU - Nobody 🐋"
    assert first["authors"][-1] == "Austen, Jane" and len(first["authors"]) == 2
    assert first["keywords"] == [first["title"]], "an empty value has no line"
    assert second["id"] == "frankenstein", "what follows is whole"


def test_ris_kinds_and_identifiers(library: Library) -> None:
    paper = next(work for work in library.works if work.kind == "paper")
    given = {
        "https://doi.org/10.1038/171737a0": ("JOUR", {"doi": "10.1038/171737a0", "journal_name": "Nature"}),
        "https://doi.org/10.1002/(SICI)1%3C1": ("JOUR", {"doi": "10.1002/(SICI)1<1"}),
        "https://arxiv.org/abs/1706.03762v5": ("GEN", {"accession_number": "arXiv:1706.03762"}),
        "https://example.org/a": ("GEN", {"publisher": "Nature"}),
    }
    for url, (kind, fields) in given.items():
        (record,) = read_ris([replace(paper, url=url, source="Nature")])
        assert record["type_of_reference"] == kind and record["urls"] == [url]
        assert {name: record[name] for name in fields} == fields
    (record,) = read_ris([replace(paper, url="https://doi.org/10.1/x", source="DOI")])
    assert record["type_of_reference"] == "GEN" and "publisher" not in record


@pytest.mark.parametrize(
    ("name", "inverted"),
    [
        ("Jane Austen", "Austen, Jane"),
        ("Plato", "Plato"),
        ("  Hans  Christian\tAndersen ", "Andersen, Hans Christian"),
        ("Martin Luther King Jr.", "King, Martin Luther, Jr."),
        ("W. Kent Ford, Jr.", "Ford, W. Kent, Jr."),
        ("Vincent van Gogh", "van Gogh, Vincent"),
        ("W. E. B. Du Bois", "Du Bois, W. E. B."),
        ("Ursula K. Le Guin", "Le Guin, Ursula K."),
        ("Van Morrison", "Morrison, Van"),
        ("Smith and Sons", "Smith and Sons"),
        ("Hildegard of Bingen", "Hildegard of Bingen"),
        ("Procter & Gamble", "Procter & Gamble"),
        ("", ""),
    ],
)
def test_names_are_inverted(name: str, inverted: str) -> None:
    assert split_name(name).inverted == inverted
    assert " ".join(split_name(split_name(name).natural)) == " ".join(split_name(name))


def test_a_reference_for_people(library: Library) -> None:
    book = replace(library.works[0], url="https://example.org/x", source="Project Gutenberg")
    assert write_reference(book) == (
        "Melville, Herman. 1851. Moby-Dick; or, The Whale. Project Gutenberg. https://example.org/x"
    )
    paper = replace(
        book, kind="paper", title="Can Machines Think?", authors=("A. Day", "B. Night"), source="DOI"
    )
    assert write_reference(paper) == (
        "Day, A., and B. Night. 1851. “Can Machines Think?” https://example.org/x"
    )
    bare = replace(book, authors=(), year=None, title="An\nEnd.")
    assert write_reference(bare) == "n.d. An End. Project Gutenberg. https://example.org/x"
    assert write_reference(replace(book, year=-500, authors=("Sun Tzu",))).startswith("Tzu, Sun. 500 BC. ")
    many = write_reference(replace(book, authors=tuple(f"A{n} B{n}" for n in range(40))))
    assert many.startswith("B0, A0, A1 B1, ") and ", A6 B6, et al. 1851." in many and "B7" not in many


def test_the_command_line_knows_every_format() -> None:
    assert set(cli.FORMATS) == set(FORMATS)


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_library_is_exported_too(form: str) -> None:
    text = "".join(export([], form))
    assert text == "" or (form == "csv" and len(text.splitlines()) == 1)


def test_another_format_is_refused() -> None:
    with pytest.raises(InputError, match="csv, bibtex, jsonl, ris"):
        export([], "xlsx")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "works.csv"
    path.write_text("old")

    def fail() -> Any:
        yield "half"
        raise DataError("damaged")

    with pytest.raises(DataError):
        write_file(path, fail())
    assert path.read_text() == "old"
    write_file(path, ["a\r\n", "b"])
    assert path.read_bytes() == b"a\r\nb"
    for wrong in (tmp_path / "no" / "file", tmp_path):
        with pytest.raises(InputError, match="cannot be written"):
            write_file(wrong, ["x"])
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["works.csv"]


def test_croissant_is_read_by_its_own_library(folder: Path, library: Library) -> None:
    written = describe(folder)
    assert [path.name for path in written] == [CROISSANT, INFOS]
    dataset = mlcroissant.Dataset(str(folder / CROISSANT))
    assert dataset.metadata.ctx.issues.errors == set() and dataset.metadata.ctx.issues.warnings == set()
    assert "http://mlcommons.org/croissant/1.0" in str(dataset.metadata.conforms_to)
    rows = list(dataset.records("works"))
    assert len(rows) == len(library)
    for row, work in zip(rows, library.works, strict=True):
        assert row["works/id"].decode() == work.id
        assert row["works/title"].decode() == work.title
        assert [name.decode() for name in row["works/tone"]] == list(work.tone)
        assert row["works/emotions"] == pytest.approx(work.emotions)
        assert len(row["works/embedding"]) == 384
    assert {field.name for field in dataset.metadata.record_sets[0].fields} == set(SCHEMA.names)


def test_croissant_names_the_bytes_it_speaks_of(folder: Path) -> None:
    describe(folder)
    local = json.loads((folder / CROISSANT).read_text())
    (file,) = local["distribution"]
    assert (file["contentUrl"], file["sha256"]) == ("works.parquet", digest(folder / "works.parquet"))
    before = [(folder / name).read_bytes() for name in (CROISSANT, INFOS)]
    describe(folder)
    assert [(folder / name).read_bytes() for name in (CROISSANT, INFOS)] == before
    describe(folder, "https://huggingface.co/datasets/a/b", "v1")
    there = json.loads((folder / CROISSANT).read_text())
    assert there["url"] == "https://huggingface.co/datasets/a/b"
    assert there["distribution"][0]["contentUrl"] == f"{there['url']}/resolve/v1/works.parquet"


def test_every_column_has_a_meaning() -> None:
    assert set(MEANINGS) == set(SCHEMA.names)
    assert ", ".join(EMOTIONS) in MEANINGS["emotions"]


def test_dataset_infos_is_read_by_datasets(folder: Path, library: Library) -> None:
    describe(folder)
    info = DatasetInfosDict.from_directory(str(folder))["default"]
    assert info.features == features()
    assert info.splits["train"].num_examples == len(library)
    assert info.download_size == (folder / "works.parquet").stat().st_size


def test_what_cannot_be_described(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(NotFoundError):
        describe(tmp_path)
    (folder / "works.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(DataError, match="cannot be read"):
        describe(folder)


def test_a_whole_dataset_passes_all_checks(folder: Path) -> None:
    describe(folder)
    report = check(str(folder))
    assert report.notes == () and len(report.passed) == 5
    assert (report.n_works, report.model) == (31, "fake-1")


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda folder: (folder / CROISSANT).unlink(), "croissant.json is missing"),
        (lambda folder: (folder / CROISSANT).write_text("{}"), "croissant.json is damaged"),
        (
            lambda folder: (folder / CROISSANT).write_text(
                json.dumps({"distribution": [{"name": "works.parquet", "sha256": "0"}]})
            ),
            "describes other works",
        ),
        (lambda folder: (folder / INFOS).unlink(), "dataset_infos.json is missing"),
        (lambda folder: (folder / INFOS).write_text("[]"), "dataset_infos.json is damaged"),
        (lambda folder: (folder / "index" / "stamp.json").unlink(), "index is missing or stale"),
    ],
)
def test_what_can_be_made_again_is_only_noted(folder: Path, change: Callable[[Path], Any], note: str) -> None:
    describe(folder)
    change(folder)
    report = check(str(folder))
    assert len(report.notes) == 1 and note in report.notes[0]


def test_damage_is_a_fault_and_nothing_stands_in(folder: Path) -> None:
    (folder / "works.parquet").write_bytes((folder / "works.parquet").read_bytes() + b"x")
    with pytest.raises(DataError):
        check(str(folder))
    with pytest.raises(NotFoundError, match="neither a folder nor the name"):
        check("no such place")


def test_works_know_all_that_is_exported(library: Library) -> None:
    assert set(Work.__slots__) == set(SCHEMA.names) - {"embedding"}
