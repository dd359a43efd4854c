"""A folder of books and papers as files, each in whatever state it is."""

import json
import random
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject
from source_rows import describe, read, reasons

from builders.sources.names import make_id, read_catalogue_authors, read_file_name, turn_name
from builders.sources.walk import walk
from leximind.text.documents import read_document

CONTAINER = """<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf">
<dc:title>{title}</dc:title><dc:creator id="a">Roe, Jane</dc:creator>
<dc:creator id="b">Ann Artist</dc:creator>
<meta property="role" refines="#a">aut</meta><meta property="role" refines="#b">ill</meta>
<dc:language>en-GB</dc:language><dc:subject>Lamps</dc:subject><dc:subject>Sea stories</dc:subject>
<dc:identifier>urn:isbn:1</dc:identifier><dc:source>https://example.org/lamp</dc:source>
<dc:description>{description}</dc:description></metadata>
<manifest><item id="c" href="one.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="c"/></spine></package>"""
BLURB = (
    "&lt;p&gt;A keeper, a lamp, a crate of &lt;i&gt;oranges&lt;/i&gt;.&lt;/p&gt;"
    "&lt;p&gt;What the wind says when no ferry comes, and who answers it at last.&lt;/p&gt;"
)


def write_text(path: Path, number: int, head: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}{prose(number)}", encoding="utf-8")
    return path


def prose(number: int) -> str:
    return "\n\n".join(describe(number * 100 + i) for i in range(6))


def write_epub(path: Path, number: int, title: str = "The Lamp", description: str = BLURB) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("OPS/book.opf", PACKAGE.format(title=title, description=description))
        paragraphs = "".join(f"<p>{part}</p>" for part in prose(number).split("\n\n"))
        archive.writestr("OPS/one.xhtml", f"<html><body><h1>Chapter 1</h1>{paragraphs}</body></html>")
    return path


def write_pdf(path: Path, text: str, *, password: str = "", **info: str) -> Path:
    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(600, 800)
    names = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    font = DictionaryObject({NameObject(key): NameObject(value) for key, value in names.items()})
    fonts = DictionaryObject({NameObject("/F1"): font})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    stream = DecodedStreamObject()
    shown = " T* ".join(f"({line}) Tj" for line in text.split("\n"))
    stream.set_data(f"BT /F1 8 Tf 10 TL 20 780 Td {shown} ET".encode())
    page[NameObject("/Contents")] = writer._add_object(stream)
    writer.add_metadata({f"/{name}": value for name, value in info.items()})
    if password:
        writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
    writer.write(path)
    return path


def test_every_kind_of_document(tmp_path: Path) -> None:
    write_epub(tmp_path / "a.epub", 1)
    head = (
        '<title>A  Page</title><meta name="author" content="Jane Roe">'
        '<link rel="canonical" href="https://example.org/page">'
    )
    page = f'<html lang="en"><head>{head}</head><body><p>{prose(2)}</p></body></html>'
    (tmp_path / "b.html").write_text(page)
    facts = (
        "title: 'A Note: on lamps'\nauthor: Jane Roe\nyear: 1999\ntags: [Lamps]\nurl: https://example.org/n"
    )
    write_text(tmp_path / "c.md", 3, f"---\n{facts}\n---\n# Heading\n\n")
    write_pdf(tmp_path / "d.pdf", "On Oranges\nAbstract. " + describe(4)[:300] + "\n" + describe(5)[:900],
              Title="On Oranges", Author="Jane Roe; John Doe")  # fmt: skip
    write_text(tmp_path / "e - Jane Roe.txt", 6)
    entries, rejected = read(tmp_path)
    assert not rejected
    book, web, note, paper, text = entries
    assert (book.id, book.title, book.authors, book.language) == ("a", "The Lamp", ("Jane Roe",), "en")
    assert (book.url, book.subjects, book.kind) == (
        "https://example.org/lamp",
        ("Lamps", "Sea stories"),
        "book",
    )
    assert book.description.startswith("A keeper, a lamp, a crate of oranges.\n\nWhat the wind says")
    assert book.text.startswith("Chapter 1\n\nIn ") and book.license == "Not stated"
    assert (web.title, web.authors, web.url) == ("A Page", ("Jane Roe",), "https://example.org/page")
    assert (note.title, note.year, note.url) == ("A Note: on lamps", 1999, "https://example.org/n")
    assert note.subjects == ("Lamps",) and note.text.startswith("In "), "its title is on the title page"
    assert (paper.title, paper.authors) == ("On Oranges", ("Jane Roe", "John Doe"))
    assert paper.description.replace(" ", "")[:80] == describe(4).replace(" ", "")[:80]
    assert (text.title, text.authors, text.source) == ("E", ("Jane Roe",), tmp_path.name)
    assert text.url == "https://openlibrary.org/search?q=E%20Jane%20Roe"
    assert 500 <= len(text.description) <= 1000 and text.text.startswith(text.description[:300])


def test_one_document_is_a_source_too(tmp_path: Path) -> None:
    (entry,), _ = read(write_epub(tmp_path / "a.epub", 1), defaults={"kind": "paper", "license": "CC0"})
    assert (entry.kind, entry.license, entry.title) == ("paper", "CC0", "The Lamp")


def test_damage_costs_its_file_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "good.txt", 1)
    write_epub(tmp_path / "cut.epub", 2)
    (tmp_path / "cut.epub").write_bytes((tmp_path / "cut.epub").read_bytes()[:-60])
    write_pdf(tmp_path / "locked.pdf", "Shut.", password="secret")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing")
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "binary.txt").write_bytes(b"\x89PNG\0\1\2")
    (tmp_path / "latin.txt").write_bytes(f"Café. {prose(3)}".encode("cp1252"))
    (tmp_path / "paper.docx").write_bytes(b"PK")
    (tmp_path / "cover.jpg").write_bytes(b"JPG")
    (tmp_path / "README.txt").write_text("These are books.")
    with zipfile.ZipFile(tmp_path / "bomb.epub", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("OPS/book.opf", PACKAGE.format(title="Bomb", description=""))
        archive.writestr("OPS/one.xhtml", b"0" * (60 * 2**20))
    (tmp_path / "foreign.txt").write_text("Longtemps, je me suis couché de bonne heure. " * 40)
    (tmp_path / "cracks.txt").write_text("x")

    def fail(path: Path) -> str:
        if path.name == "cracks.txt":
            raise RecursionError
        return read_document(path)

    monkeypatch.setattr("builders.sources.folder.read_document", fail)
    entries, rejected = read(tmp_path)
    assert [entry.title for entry in entries] == ["Good", "Latin"]
    assert entries[1].text.startswith("Café. In ")
    said = {file: reason for file, _, reason in reasons(rejected)}
    expected = {
        "README.txt": "no work", "binary.txt": "zero bytes", "bomb.epub": "more than 50 MiB",
        "broken.pdf": "damaged PDF", "cracks.txt": "RecursionError", "cut.epub": "damaged EPUB",
        "empty.txt": "no text", "foreign.txt": "in 'fr'", "locked.pdf": "password",
        "paper.docx": "cannot be read",
    }  # fmt: skip
    assert set(said) == set(expected)
    assert all(expected[file] in reason for file, reason in said.items())


def test_flipped_bytes_never_end_the_reading(tmp_path: Path) -> None:
    write_epub(tmp_path / "a.epub", 1)
    write_pdf(tmp_path / "b.pdf", describe(2)[:400], Title="A title")
    write_text(tmp_path / "z.txt", 3)
    whole = {path: path.read_bytes() for path in sorted(tmp_path.glob("?.[ep]*"))}
    dice = random.Random(0)
    for _ in range(40):
        for path, data in whole.items():
            damaged = bytearray(data)
            for _ in range(5):
                damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
            path.write_bytes(damaged)
        entries, rejected = read(tmp_path, languages=())
        assert len(entries) + len(rejected) == 3 and entries[-1].title == "Z"


def test_a_work_in_several_formats_is_one_work(tmp_path: Path) -> None:
    write_epub(tmp_path / "lamp.epub", 1)
    write_text(tmp_path / "lamp.txt", 1)
    write_pdf(tmp_path / "lamp.pdf", describe(1)[:300])
    write_text(tmp_path / "buoy.txt", 2)
    (tmp_path / "buoy.epub").write_bytes(b"not an epub")
    entries, rejected = read(tmp_path)
    assert [(entry.id, entry.title) for entry in entries] == [("buoy", "Buoy"), ("lamp", "The Lamp")]
    said = [(file, reason) for file, _, reason in reasons(rejected)]
    assert said[0][0] == "buoy.epub" and "damaged" in said[0][1]
    same = "It is the same work as lamp.epub in another format."
    assert said[1:] == [("lamp.txt", same), ("lamp.pdf", same)]


def test_a_sidecar_gives_columns_by_file_name(tmp_path: Path) -> None:
    write_text(tmp_path / "x1.txt", 1)
    write_text(tmp_path / "sub" / "x2.txt", 2)
    write_text(tmp_path / "x3.txt", 3)
    lines = ["file,title,authors,year,licence,url", "x1.txt,The Lamp,Jane Roe; John Doe,1891,CC0,https://a.org/1",
             "sub/x2.txt,The Buoy,,,,", ",No file,,,,"]  # fmt: skip
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    entries, rejected = read(tmp_path, columns={"license": "licence"}, defaults={"license": "Unknown"})
    assert [(entry.title, entry.year, entry.license) for entry in entries] == [
        ("The Lamp", 1891, "CC0"), ("X3", None, "Unknown"), ("The Buoy", None, "Unknown"),
    ]  # fmt: skip
    assert entries[0].authors == ("Jane Roe", "John Doe") and entries[0].url == "https://a.org/1"
    assert reasons(rejected) == [
        ("metadata.csv", 4, "No file is named; a column file or file_name or filename or path was expected.")
    ]
    (tmp_path / "metadata.csv").unlink()
    rows: list[Any] = [{"file_name": "./x3.txt", "title": "Stairs", "description": describe(99)}, [1]]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    entries, rejected = read(tmp_path)
    assert entries[1].title == "Stairs" and entries[1].description == describe(99) and entries[1].text
    assert rejected[0].row == 2


def test_a_gutenberg_header_in_a_folder_of_files(tmp_path: Path) -> None:
    head = (
        "The Project Gutenberg eBook of Moby Lamp\n\nTitle: Moby Lamp\n\nAuthor: Herman Roe\n\n"
        "Release date: June, 2001 [eBook #2701]\n\nLanguage: English\n\n"
        "*** START OF THE PROJECT GUTENBERG EBOOK MOBY LAMP ***\n\n"
    )
    path = write_text(tmp_path / "whatever.txt", 1, head)
    path.write_text(path.read_text() + "\n\n*** END OF THE PROJECT GUTENBERG EBOOK MOBY LAMP ***\n\nlicence")
    (entry,), _ = read(tmp_path)
    assert (entry.title, entry.authors) == ("Moby Lamp", ("Herman Roe",))
    assert entry.url == "https://www.gutenberg.org/ebooks/2701" and entry.source == "Project Gutenberg"
    assert "GUTENBERG" not in entry.text and "licence" not in entry.text


@pytest.mark.parametrize(
    ("name", "title", "authors"),
    [
        ("Moby Lamp - Herman Roe.epub", "Moby Lamp", ["Herman Roe"]),
        ("Moby_Lamp_by_Herman_Roe.txt", "Moby Lamp", ["Herman Roe"]),
        ("Jane Roe/Jane Roe - Emma.txt", "Emma", ["Jane Roe"]),
        ("the-lamp-and-the-sea.txt", "The lamp and the sea", []),
        ("A History of Lamps - Volume 2.txt", "A History of Lamps - Volume 2", []),
        ("1984.pdf", "1984", []),
        ("Lamps – Ursula K. Le Guin.txt", "Lamps", ["Ursula K. Le Guin"]),
    ],
)
def test_what_a_file_name_says(name: str, title: str, authors: list[str]) -> None:
    assert read_file_name(PurePosixPath(name)) == (title, authors)


def test_ids_are_readable_and_never_shared() -> None:
    names = [
        "moby-lamp.txt",
        "Moby Lamp.txt",
        "a/moby-lamp.txt",
        "a-moby-lamp.txt",
        "ラ.txt",
        "x" * 300 + ".txt",
    ]
    ids = [make_id(PurePosixPath(name)) for name in names]
    assert ids[0] == "moby-lamp" and ids[1].startswith("moby-lamp-") and len(set(ids)) == len(ids)
    assert max(map(len, ids)) <= 87 and all(ids)


@pytest.mark.parametrize(
    ("listed", "plain"),
    [
        ("Melville, Herman, 1819-1891", "Herman Melville"),
        ("Wells, H. G. (Herbert George), 1866-1946", "H. G. Wells"),
        ("Tolstoy, Leo, graf, 1828-1910", "Leo Tolstoy"),
        ("Homer, 751? BCE-651? BCE", "Homer"),
        ("Plato, 428? BCE-348? BCE", "Plato"),
        ("Aristotle", "Aristotle"),
        ("Jane Roe", "Jane Roe"),
    ],
)
def test_names_of_a_catalogue(listed: str, plain: str) -> None:
    assert turn_name(listed) == plain


def test_only_those_who_wrote_a_work_are_its_authors() -> None:
    names = "Homer; Roe, Jane, 1901-1980 [Translator]; Doe, John [Illustrator]; Poe, Ann [Author]; Various"
    assert read_catalogue_authors(names) == ["Homer", "Ann Poe"]


def test_the_walk_is_the_same_on_every_machine(tmp_path: Path) -> None:
    for name in (
        "b/2.txt",
        "b/10.txt",
        "b/1.txt",
        "a/x.txt",
        "z.txt",
        ".git/c.txt",
        "__MACOSX/d.txt",
        "A.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for files in walk(tmp_path) for path in files]
    assert found == ["A.txt", "z.txt", "a/x.txt", "b/1.txt", "b/2.txt", "b/10.txt"]


def test_facts_before_a_markdown_text_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("---\r\ntitle: X\r\n---\r\n# Lamp\r\n")
    assert read_document(path).strip() == "Lamp"
    path.write_text("---\n\nA rule above, and below.\n\n---\n")
    assert read_document(path).strip() == "A rule above, and below."
