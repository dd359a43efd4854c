"""Project Gutenberg, Standard Ebooks, arXiv and the Hub, each in the forms it really has."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_rows import describe, make_row, read, reasons, write_jsonl

from builders.sources import SourceOptions, open_source
from builders.sources.admission import admit
from builders.sources.arxiv import describe as describe_paper
from builders.sources.categories import name_category
from builders.sources.found import Opened
from builders.sources.hub import Address, read_dataset
from builders.sources.texts import Texts
from leximind.errors import DataError, InputError, NotFoundError


def prose(number: int) -> str:
    return "\n\n".join(describe(number * 100 + i) for i in range(8))


def write_etext(path: Path, number: int, title: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (
        f"The Project Gutenberg eBook of {title}\n\nTitle: {title}\n\nAuthor: Zoë Roe\n\n"
        f"Release date: May 1, 1999 [eBook #{number}]\n\nLanguage: English\n\n"
        f"*** START OF THE PROJECT GUTENBERG EBOOK {number} ***\n\n\n{title.upper()}\n\n"
        "CONTENTS\n\nI. One\nII. Two\n\n"
        f"I. One\n\n{prose(number)}\n\n*** END OF THE PROJECT GUTENBERG EBOOK {number} ***\n\nLicence."
    )
    path.write_bytes(text.encode(encoding))
    return path


def test_a_gutenberg_mirror_in_all_layouts(tmp_path: Path) -> None:
    write_etext(tmp_path / "11.txt", 11, "Eleven")
    write_etext(tmp_path / "9.txt", 9, "Nine")
    write_etext(tmp_path / "12-8.txt", 12, "Twelve in Latin", "cp1252")
    write_etext(tmp_path / "12-0.txt", 12, "Twelve")
    write_etext(tmp_path / "1" / "3" / "1342" / "1342-0.txt", 1342, "Pride")
    write_etext(tmp_path / "cache" / "epub" / "84" / "pg84.txt", 84, "Modern")
    write_etext(tmp_path / "1" / "3" / "1342" / "old" / "prdpr10.txt", 1342, "Old Pride")
    with zipfile.ZipFile(tmp_path / "77.zip", "w") as archive:
        archive.write(write_etext(tmp_path / "77.tmp", 77, "Packed"), "77.txt")
    (tmp_path / "78.zip").write_bytes(b"PK, but no more")
    (tmp_path / "notes.txt").write_text("no book")
    entries, rejected = read(f"gutenberg:{tmp_path}")
    assert [entry.id for entry in entries] == [f"gutenberg-{n}" for n in (9, 11, 12, 77, 84, 1342)]
    twelve = entries[2]
    assert (twelve.title, twelve.authors, twelve.language) == ("Twelve", ("Zoë Roe",), "en")
    assert (
        twelve.url == "https://www.gutenberg.org/ebooks/12" and twelve.license == "Public domain in the USA"
    )
    assert twelve.text.startswith("I. One\n\nIn ") and twelve.text.endswith(" had left.")
    assert twelve.description.startswith("In ") and len(twelve.description) <= 1000
    assert [(file, row) for file, row, _ in reasons(rejected)] == [("78.zip", 0)]


def test_the_catalogue_of_gutenberg(tmp_path: Path) -> None:
    for number in (5, 6, 7):
        write_etext(tmp_path / f"{number}.txt", number, f"Number {number}")
    catalogue = (
        "Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves\n"
        '5,Text,1999-05-01,"The Lamp:\nA Tale",en,"Roe, Jane, 1801-1870; Doe, John [Illustrator]",'
        '"Lamps -- Fiction; Sea stories",PR,Best Books\n'
        "6,Sound,1999-05-01,A Song,en,,,,\n7,Text,1999-05-01,Le Phare,fr,,,,\n"
    )
    (tmp_path / "pg_catalog.csv").write_text(catalogue)
    entries, rejected = read(f"gutenberg:{tmp_path}")
    assert [(entry.title, entry.authors) for entry in entries] == [("The Lamp: A Tale", ("Jane Roe",))]
    assert entries[0].subjects == ("Lamps -- Fiction", "Sea stories")
    said = {file: reason for file, _, reason in reasons(rejected)}
    assert "of the type 'Sound'" in said["6.txt"] and "'fr'" in said["7.txt"]


def test_a_folder_without_books_of_gutenberg(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(NotFoundError, match=r"Names such as 1342\.txt"):
        open_source(f"gutenberg:{tmp_path}")


OPF = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" prefix="se: https://standardebooks.org/vocab/1.0" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="uid">url:https://standardebooks.org/ebooks/jane-roe/the-lamp</dc:identifier>
<dc:date>2024-02-05T04:34:16Z</dc:date>
<dc:title id="title">The Lamp</dc:title><dc:title id="subtitle">A Tale</dc:title>
<dc:subject id="subject-1">Lighthouses -- Fiction</dc:subject><meta property="se:subject">Fiction</meta>
<dc:description id="description">A short one.</dc:description>
<meta id="long-description" property="se:long-description" refines="#description">
&lt;p&gt;&lt;i&gt;The Lamp&lt;/i&gt; is the tale of a keeper who speaks with the wind.&lt;/p&gt;
&lt;p&gt;It was published in 1891.&lt;/p&gt;</meta>
<dc:language>en-GB</dc:language><dc:source>https://www.gutenberg.org/ebooks/39309</dc:source>
<dc:creator id="author">Jane Roe</dc:creator><meta property="role" refines="#author">aut</meta>
<dc:contributor id="artist">Ann Artist</dc:contributor></metadata>
<manifest><item href="text/titlepage.xhtml" id="t" media-type="application/xhtml+xml"/>
<item href="text/chapter-1.xhtml" id="c" media-type="application/xhtml+xml"/>
<item href="text/colophon.xhtml" id="z" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="t"/><itemref idref="c"/><itemref idref="z"/></spine></package>"""
PAGE = '<html xmlns:epub="http://www.idpf.org/2007/ops"><body epub:type="{}">{}</body></html>'


def write_standard_ebook(folder: Path) -> None:
    (folder / "text").mkdir(parents=True)
    (folder / "content.opf").write_text(OPF)
    note = '<a href="endnotes.xhtml#note-1" id="noteref-1" epub:type="noteref">1</a>'
    paragraphs = "".join(f"<p>{part}</p>" for part in prose(1).split("\n\n"))
    pages = {
        "titlepage": ("frontmatter", "<h1>The Lamp</h1>"),
        "chapter-1": ("bodymatter z3998:fiction", f"<h2>I</h2><p>The lamp{note} was lit.</p>{paragraphs}"),
        "colophon": ("backmatter", "<p>Set by A. Volunteer.</p>"),
    }
    for name, (matter, body) in pages.items():
        (folder / "text" / f"{name}.xhtml").write_text(PAGE.format(matter, body))


def test_standard_ebooks_as_folders_and_as_files(tmp_path: Path) -> None:
    write_standard_ebook(tmp_path / "roe_lamp" / "src" / "epub")
    broken = tmp_path / "broken"
    write_standard_ebook(broken)
    (broken / "content.opf").write_text(OPF.replace("text/chapter-1", "../roe_lamp/src/epub/text/chapter-1"))
    (tmp_path / "worse.epub").write_bytes(b"PK")
    entries, rejected = read(f"standardebooks:{tmp_path}")
    (entry,) = entries
    assert (entry.id, entry.title, entry.authors) == ("jane-roe_the-lamp", "The Lamp", ("Jane Roe",))
    assert entry.url == "https://standardebooks.org/ebooks/jane-roe/the-lamp" and entry.license == "CC0-1.0"
    assert entry.subjects == ("Fiction", "Lighthouses -- Fiction") and entry.year is None
    assert entry.description == (
        "The Lamp is the tale of a keeper who speaks with the wind.\n\nIt was published in 1891."
    )
    assert entry.text.startswith("I\n\nThe lamp was lit.\n\nIn ") and "Volunteer" not in entry.text
    said = {file: reason for file, _, reason in reasons(rejected)}
    assert "lies outside of the book" in said["broken/content.opf"]
    assert "damaged" in said["worse.epub"]
    source = tmp_path / "roe_lamp" / "src"
    with zipfile.ZipFile(tmp_path / "packed.epub", "w") as archive:
        archive.writestr(
            "META-INF/container.xml",
            '<container><rootfiles><rootfile full-path="epub/content.opf"/></rootfiles></container>',
        )
        for path in sorted(source.rglob("*.*")):
            archive.write(path, path.relative_to(source).as_posix())
    shutil.rmtree(tmp_path / "roe_lamp")
    (packed,), _ = read(f"standardebooks:{tmp_path}")
    assert packed == entry


def make_paper(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "id": f"0704.{number:04}", "submitter": "X", "authors": "C. Bal\\'azs, E. L. Berger and J. Doe Jr.",
        "title": f"Lamps  of\n  kind {number}", "comments": "37 pages", "journal-ref": None, "doi": None,
        "report-no": None, "categories": "hep-ph cs.LG new.XX", "license": None,
        "abstract": f"  We measure lamps.\nThey burn.\n  {describe(number)}\n",
        "versions": [{"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"},
                     {"version": "v2", "created": "Tue, 24 Jul 2012 20:10:27 GMT"}],
        "update_date": "2012-11-26",
        "authors_parsed": [["Balázs", "C.", ""], ["Berger", "E. L.", ""], ["Doe", "J.", "Jr."]],
    }  # fmt: skip
    return row | changes


def test_a_snapshot_of_arxiv(tmp_path: Path) -> None:
    rows = [
        make_paper(1),
        make_paper(
            2, id="hep-th/9901001", versions=None, license="http://creativecommons.org/licenses/by/4.0/"
        ),
        make_paper(3, id="math.GT/0309136", versions=[], authors_parsed=None),
        make_paper(4, abstract="This paper has been withdrawn by the author due to an error in Lemma 2."),
        make_paper(5, id="unknown"),
        "{",
        make_paper(6, abstract=None),
        make_paper(7, title=None),
    ]
    entries, rejected = read(f"arxiv:{write_jsonl(tmp_path / 'snapshot.jsonl', rows)}")
    first, second, third = entries
    assert (first.id, first.title, first.kind) == ("arxiv-0704.0001", "Lamps of kind 1", "paper")
    assert first.authors == ("C. Balázs", "E. L. Berger", "J. Doe Jr.")
    assert (first.year, first.url) == (2007, "https://arxiv.org/abs/0704.0001")
    assert first.subjects == ("High energy physics, phenomenology", "Machine learning", "new.XX")
    assert first.description.startswith("We measure lamps. They burn.\n\nIn ")
    assert first.license == "Metadata CC0; text by the authors" and first.source == "arXiv"
    assert (second.id, second.year, second.license) == ("arxiv-hep-th-9901001", 1999, "CC BY 4.0")
    assert second.url == "https://arxiv.org/abs/hep-th/9901001"
    assert third.year == 2003 and third.authors == ("C. Bal\\'azs", "E. L. Berger", "J. Doe Jr.")
    assert [(row, reason.partition(",")[0].rstrip(".")) for _, row, reason in reasons(rejected)] == [
        (4, "The paper was withdrawn by its authors"), (5, "id is 'unknown'"), (6, "The line is not JSON"),
        (7, "description is empty"), (8, "title is empty"),
    ]  # fmt: skip


def test_the_suffix_of_kaggle_and_a_table_of_papers(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "arxiv-metadata-oai-snapshot.json", [make_paper(1)])
    (entry,), _ = read(f"arxiv:{path}")
    row = {"arxiv_id": "0704.0001", "title": entry.title, "abstract": describe(1), "categories": ["cs.LG"],
           "authors": "C. Balázs (MIT), E. L. Berger", "year": 2007}  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "papers.parquet")
    (other,), _ = read(f"arxiv:{tmp_path / 'papers.parquet'}")
    assert (other.id, other.year, other.authors) == (entry.id, 2007, ("C. Balázs", "E. L. Berger"))
    assert other.subjects == ("Machine learning",)
    columns = {"id": "arxiv_id", "description": "abstract", "subjects": "categories"}
    defaults = {
        "kind": "paper",
        "url": "https://arxiv.org/abs/{arxiv_id}",
        "license": "CC0",
        "source": "arXiv",
    }
    (mapped,), _ = read(tmp_path / "papers.parquet", columns=columns, defaults=defaults)
    assert (mapped.url, mapped.subjects, mapped.year) == (entry.url, ("cs.LG",), 2007)


@pytest.mark.parametrize("abstract", [
    "This paper has been withdrawn", "Withdrawn by arXiv administrators.", "The paper is withdrawn.",
    "This article was retracted because of an error.", "Paper withdrawn.",
])  # fmt: skip
def test_withdrawn_papers(abstract: str) -> None:
    with pytest.raises(ValueError, match="withdrawn"):
        describe_paper(make_paper(1, abstract=abstract))
    describe_paper(make_paper(1, abstract=f"We study {abstract.lower()} That is all."))


def test_subjects_have_names() -> None:
    assert name_category("cs.LG") == "Machine learning" and name_category("x.YZ") == "x.YZ"


def make_dataset(n_rows: int) -> datasets.Dataset:
    rows = [make_row(i, license=i % 2, extra=i) for i in range(n_rows)]
    made = datasets.Dataset.from_list(rows)
    return made.cast_column("license", datasets.ClassLabel(names=["CC0-1.0", "CC BY 4.0"]))


def take(dataset: Any, **options: Any) -> list[Any]:
    given = SourceOptions(**options)
    return list(admit(Opened(read_dataset(dataset, "hub:a/b")), given, Texts(None)))


def test_a_dataset_row_by_row_with_its_classes_named() -> None:
    made = make_dataset(6)
    whole = take(made)
    assert [(entry.id, entry.license) for entry in whole[:2]] == [
        ("work-0", "CC0-1.0"),
        ("work-1", "CC BY 4.0"),
    ]
    assert take(made.to_iterable_dataset(num_shards=3)) == whole
    assert take(made, limit=2) == whole[:2]


def test_a_dataset_is_not_read_ahead() -> None:
    asked: list[int] = []

    def generate() -> Any:
        for number in range(10**9):
            asked.append(number)
            yield make_row(number)

    items = take(datasets.IterableDataset.from_generator(generate), limit=5)
    assert len(items) == 5 and len(asked) < 20


def test_a_damaged_shard_costs_its_rest_and_the_network_ends_the_reading() -> None:
    def generate(shards: list[int]) -> Any:
        for shard in shards:
            yield make_row(shard * 10)
            if shard == 1:
                raise ValueError("not a Parquet file")
            yield make_row(shard * 10 + 1)

    made = datasets.IterableDataset.from_generator(generate, gen_kwargs={"shards": [0, 1, 2]})
    items = take(made)
    assert [item.id for item in items] == ["work-0", "work-1", "work-10", "", "work-20", "work-21"]
    assert items[3].reason == "Shard 2 of 3 cannot be read from here on: not a Parquet file."

    def fail() -> Any:
        yield make_row(0)
        raise ConnectionError("the server is gone")

    with pytest.raises(DataError, match="after row 1: the server is gone"):
        take(datasets.IterableDataset.from_generator(fail))


@pytest.mark.parametrize("streaming", [True, False])
def test_a_folder_like_a_hub_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streaming: bool
) -> None:  # fmt: skip
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "data"
    rows = [make_row(i, id=..., url=f"https://example.org/{i}") for i in range(4)]
    for split, part in (("train", rows[:3]), ("test", rows[3:])):
        write_jsonl(folder / f"{split}.jsonl", part)
    entries, rejected = read(f"hub:{folder}", streaming=streaming)
    assert len(entries) == 3 and not rejected and len({entry.id for entry in entries}) == 3
    assert read(f"hub:{folder}", streaming=streaming)[0] == entries, (
        "an id is made of the row, not of its place"
    )
    (entry,), _ = read(f"hub:{folder}:test", streaming=streaming)
    assert entry.title == "Title 3" and len(entry.id) == 16


def test_a_named_dataset_is_asked_for_in_the_right_way(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(*names: Any, **options: Any) -> Any:
        asked.append((names, options))
        return datasets.Dataset.from_list([make_row(0, url=None, source=None)])

    monkeypatch.setattr(datasets, "load_dataset", load)
    (entry,), _ = read("hub:owner/works/small:test", streaming=False)
    assert asked == [(("owner/works", "small"), {"split": "test", "streaming": False})]
    assert entry.url == "https://huggingface.co/datasets/owner/works" and entry.source == "owner/works"


def test_addresses_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Address.parse("owner/name") == Address("owner/name", None, "train")
    assert Address.parse("owner/name/config:test") == Address("owner/name", "config", "test")
    assert Address.parse("name") == Address("name", None, "train")
    assert Address.parse("./some/folder/deep:test") == Address("./some/folder/deep", None, "test")
    for wrong in ("", "a/b/c/d", "a b", "a//b"):
        with pytest.raises(InputError, match="is no dataset of the Hub"):
            open_source(f"hub:{wrong}")

    def fail(*_: Any, **__: Any) -> Any:
        raise FileNotFoundError("no such dataset")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(NotFoundError, match="hub:owner/gone cannot be read: no such dataset"):
        open_source("hub:owner/gone")


def test_the_shelf_is_taken_whole() -> None:
    shelf = Path(__file__).parents[1] / "assets" / "shelf"
    n_rows = sum(len(path.read_text("utf-8").splitlines()) for path in shelf.glob("*.jsonl"))
    entries, rejected = read(shelf)
    assert len(entries) == n_rows and not rejected
    assert len({json.dumps(entry.id) for entry in entries}) == n_rows
