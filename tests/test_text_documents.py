import contextlib
import zipfile
from pathlib import Path

import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from leximind.errors import InputError, NotFoundError
from leximind.text import documents, epub
from leximind.text.documents import read_document

CONTAINER = """<?xml version="1.0"?>
<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>
<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""
PACKAGE = """<?xml version="1.0"?><opf:package xmlns:opf="http://www.idpf.org/2007/opf"><opf:manifest>
<opf:item id="b" href="text/two.xhtml" media-type="application/xhtml+xml"/>
<opf:item id="a" href="text/chapter%20one.xhtml" media-type="application/xhtml+xml"/>
<opf:item id="c" href="cover.png" media-type="image/png"/></opf:manifest>
<opf:spine><opf:itemref idref="c"/><opf:itemref idref="a"/><opf:itemref idref="b"/></opf:spine>
</opf:package>"""
ENCRYPTION = """<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"
 xmlns:e="http://www.w3.org/2001/04/xmlenc#">
<e:EncryptedData><e:EncryptionMethod Algorithm="{}"/></e:EncryptedData></encryption>"""
ENTRIES = {
    "META-INF/container.xml": CONTAINER,
    "OEBPS/book.opf": PACKAGE,
    "OEBPS/text/chapter one.xhtml": "<head><title>T</title></head><h1>One</h1><p>Call me Ishmael.</p>",
    "OEBPS/text/two.xhtml": "<html><body><p>The &#8220;Carpet-Bag&#8221;.</p></body></html>",
}


def write_epub(path: Path, entries: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def write_pdf(path: Path, lines: list[str], *, password: str | None = None) -> Path:
    writer = pypdf.PdfWriter()
    for line in lines:
        page = writer.add_blank_page(300, 300)
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
            }
        )
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        shown = " T* ".join(f"({part}) Tj" for part in line.split("\n"))
        stream.set_data(f"BT /F1 12 Tf 14 TL 20 200 Td {shown} ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password is not None:
        writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
    writer.write(path)
    return path


def test_plain_text_in_its_encodings(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"):
        path = tmp_path / "a.txt"
        path.write_bytes("Brontë’s\n\nmoor".encode(encoding))
        assert read_document(path) == "Brontë’s\n\nmoor", encoding


def test_html_in_its_declared_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.HTML"
    path.write_bytes('<html><meta charset="iso-8859-2"><p>Škvorecký</p>'.encode("iso-8859-2"))
    assert read_document(path).strip() == "Škvorecký"
    path.write_bytes('<meta charset="no-such-code"><p>Zoë</p>'.encode("cp1252"))
    assert read_document(path).strip() == "Zoë"


def test_markdown_loses_its_marks(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# Moby *Dick*\n\nCall me [Ishmael](http://example.org).\n\n- one\n- two\n")
    text = read_document(str(path))
    assert [line.strip() for line in text.split("\n") if line.strip()] == [
        "Moby Dick",
        "Call me Ishmael.",
        "one",
        "two",
    ]


def test_pdf_pages(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["Call me Ish-\nmael.", "Second page."])
    assert read_document(path) == "Call me Ishmael.\nSecond page."


def test_pdf_with_an_empty_password_is_read_and_a_locked_one_is_not(tmp_path: Path) -> None:
    assert read_document(write_pdf(tmp_path / "a.pdf", ["Open."], password="")) == "Open."
    with pytest.raises(InputError, match="locked with a password"):
        read_document(write_pdf(tmp_path / "b.pdf", ["Shut."], password="secret"))


def test_pdf_without_text_and_with_too_many_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no text"):
        read_document(write_pdf(tmp_path / "a.pdf", [""]))
    monkeypatch.setattr(documents, "MAX_PAGES", 1)
    with pytest.raises(InputError, match="2 pages"):
        read_document(write_pdf(tmp_path / "b.pdf", ["One.", "Two."]))


def test_epub_chapters_in_spine_order(tmp_path: Path) -> None:
    text = read_document(write_epub(tmp_path / "a.epub", ENTRIES))
    assert [line for line in text.split("\n") if line.strip()] == [
        "One",
        "Call me Ishmael.",
        "The “Carpet-Bag”.",
    ]


def test_epub_with_scrambled_fonts_is_read_and_a_protected_one_is_not(tmp_path: Path) -> None:
    fonts = ENTRIES | {"META-INF/encryption.xml": ENCRYPTION.format("http://www.idpf.org/2008/embedding")}
    assert "Ishmael" in read_document(write_epub(tmp_path / "a.epub", fonts))
    text = ENTRIES | {
        "META-INF/encryption.xml": ENCRYPTION.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")
    }
    with pytest.raises(InputError, match="copy-protected"):
        read_document(write_epub(tmp_path / "b.epub", text))


def test_epub_that_unfolds_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = ENTRIES | {"OEBPS/text/two.xhtml": "x" * 60 * 2**20}
    with pytest.raises(InputError, match="more than 50 MiB"):
        read_document(write_epub(tmp_path / "a.epub", bomb))
    monkeypatch.setattr(epub, "MAX_ENTRIES", 3)
    with pytest.raises(InputError, match="4 files"):
        read_document(write_epub(tmp_path / "b.epub", ENTRIES))


@pytest.mark.parametrize(
    "change",
    [
        {"META-INF/container.xml": "<container/>"},
        {"META-INF/container.xml": "not xml"},
        {"META-INF/container.xml": "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"},
        {"OEBPS/book.opf": "<package/>"},
        {"OEBPS/book.opf": PACKAGE.replace("two.xhtml", "gone.xhtml")},
        {"OEBPS/book.opf": PACKAGE.replace('idref="b"', 'idref="zz"')},
    ],
)
def test_damaged_epub(tmp_path: Path, change: dict[str, str]) -> None:
    with pytest.raises(InputError, match="damaged EPUB"):
        read_document(write_epub(tmp_path / "a.epub", ENTRIES | change))


@pytest.mark.parametrize("suffix", [".pdf", ".epub"])
def test_cut_files_are_damaged(tmp_path: Path, suffix: str) -> None:
    write = {".pdf": lambda p: write_pdf(p, ["Some text."]), ".epub": lambda p: write_epub(p, ENTRIES)}[
        suffix
    ]
    data = write(tmp_path / f"whole{suffix}").read_bytes()
    path = tmp_path / f"a{suffix}"
    for n_bytes in (0, 10, len(data) // 3):
        path.write_bytes(data[:n_bytes])
        with pytest.raises(InputError, match=r"damaged|no text"):
            read_document(path)
    for position in range(0, len(data), 7):  # a flipped byte may or may not hurt; it never crashes
        path.write_bytes(data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :])
        with contextlib.suppress(InputError):
            read_document(path)


def test_unknown_missing_empty_binary_and_huge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError, match=r"no file 'a\.txt'"):
        read_document(tmp_path / "a.txt")
    (tmp_path / "a.docx").write_text("x")
    with pytest.raises(InputError, match=r"'a\.docx' cannot be read: one of \.txt, \.md"):
        read_document(tmp_path / "a.docx")
    (tmp_path / "b.txt").write_text(" \n ")
    with pytest.raises(InputError, match="no text"):
        read_document(tmp_path / "b.txt")
    (tmp_path / "c.txt").write_bytes(b"\x89PNG\0\1\2")
    with pytest.raises(InputError, match="not text"):
        read_document(tmp_path / "c.txt")
    (tmp_path / "d.txt").write_text("x" * 11)
    monkeypatch.setattr(documents, "MAX_CHARS", 10)
    with pytest.raises(InputError, match="11 characters"):
        read_document(tmp_path / "d.txt")
    monkeypatch.setattr(documents, "MAX_FILE_BYTES", 10)
    with pytest.raises(InputError, match="at most"):
        read_document(tmp_path / "d.txt")
