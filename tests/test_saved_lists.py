"""Lists that leave a shelf and come back, and lists of other programs, without a browser."""

import csv
import io
import json
from dataclasses import replace

import pytest
from bibtexparser.entrypoint import parse_string

from leximind.errors import InputError
from leximind.library.bringing import FULL, bring
from leximind.library.importing import MAX_ROWS, MAX_SIZE, Row, read_list
from leximind.library.matching import Matcher, file_title
from leximind.library.saved import FORMS, MAX_ENTRIES, Saved, read_saved, read_time, write_shelf
from leximind.library.store import Library

NOW = "2026-01-31T12:00:00Z"
SAVED = (
    Saved("moby-dick", saved="2025-05-01T08:00:00Z", note="the sermon, again"),
    Saved("yang-mills"),
    Saved("gone-1", "Lost {Work} & <b>Co</b>", ("Ada Nobody", "B. Nobody"), 1901, "paper", "https://example.org/g"),
)  # fmt: skip
GOODREADS = '''Book Id,Title,Author,Author l-f,Additional Authors,ISBN,My Rating,Year Published,Original Publication Year,Date Added,Bookshelves,Exclusive Shelf,Private Notes
1885,"Pride & Prejudice (Vintage Classics, #2)",Jane Austen,"Austen, Jane",,"=""0679783261""",5,2000,1813,2024/03/09,,read,for Anna
2,"Frankenstein: The 1818 Text",Mary Wollstonecraft Shelley,"Shelley, Mary",,"=""""",4,2018,1818,2023/12/24,,read,
3,"Wuthering Heights",Charlotte Brontë,"Brontë, Charlotte",,"=""""",0,,1847,2023/12/24,,to-read,
4,"A Book Nobody Has","Jane Austen","Austen, Jane",,"=""""",0,,,2023/12/24,,to-read,
'''  # noqa: E501


@pytest.fixture(scope="module")
def matcher(library: Library) -> Matcher:
    return Matcher(library)


def find(library: Library, matcher: Matcher, title: str, *authors: str, year: int | None = None) -> str:
    match = matcher.find(Row("row 2", title=title, authors=authors, year=year))
    return match.reason if match.row is None else library.works[match.row].id


def test_whatever_a_browser_holds_is_read_or_left_out() -> None:
    deep = [
        {"id": "a", "title": ["x"], "authors": "Jane", "year": True, "url": "javascript:alert(1)", "saved": 3}
    ]
    assert read_saved(deep) == (Saved("a"),)
    assert (
        read_saved({"id": "a"})
        == read_saved("abc")
        == read_saved(None)
        == read_saved([None, [], {"id": 3}])
        == ()
    )
    assert read_saved([{"id": "a", "note": "1"}, {"id": "a", "note": "2"}]) == (Saved("a", note="1"),)
    assert len(read_saved([{"id": str(number)} for number in range(MAX_ENTRIES + 9)])) == MAX_ENTRIES
    (entry,) = read_saved([{"id": "a\ud800\x00b", "title": "x" * 9000, "authors": ["", "A\nB", 3]}])
    assert (entry.id, len(entry.title), entry.authors) == ("a b", 500, ("A B",))


def test_times_are_read_in_utc() -> None:
    assert read_time("2024/03/09") == "2024-03-09T00:00:00Z"
    assert read_time("2024-03-09T01:30:00.123+02:00") == "2024-03-08T23:30:00Z"
    assert read_time("0001-01-01T00:00:00+14:00") == read_time("soon") == read_time(5) == ""


def test_the_json_holds_public_facts_days_notes_and_lost_works(library: Library) -> None:
    data = json.loads(write_shelf(library, SAVED, "json"))
    assert (data["format"], data["version"], data["library"]) == ("leximind-shelf", 1, library.version)
    whale, field, lost = data["works"]
    assert (whale["saved"], whale["note"], whale["in_library"]) == (SAVED[0].saved, "the sermon, again", True)
    assert whale["topic"] == "Fiction" and len(whale["emotions"]) == 28 and "Ahab" in whale["description"]
    assert "embedding" not in whale and "arc" not in whale
    assert field["title"] == r"${\cal N}=4$ Super Yang-Mills"
    assert lost == {
        "id": "gone-1", "saved": "", "note": "", "in_library": False, "title": "Lost {Work} & <b>Co</b>",
        "authors": ["Ada Nobody", "B. Nobody"], "year": 1901, "kind": "paper", "url": "https://example.org/g",
    }  # fmt: skip


def test_every_form_holds_every_work_also_a_lost_one(library: Library) -> None:
    rows = list(csv.DictReader(io.StringIO(write_shelf(library, SAVED, "csv"))))
    assert [row["title"] for row in rows][::2] == ["Moby-Dick; or, The Whale", "Lost {Work} & <b>Co</b>"]
    assert rows[2]["authors"] == "Ada Nobody; B. Nobody"
    entries = parse_string(write_shelf(library, SAVED, "bibtex")).entries
    assert [entry.key for entry in entries] == ["moby-dick", "yang-mills", "gone-1"]
    ris = write_shelf(library, SAVED, "ris")
    assert ris.count("TY  - ") == 3 and "TI  - Lost {Work} & <b>Co</b>" in ris
    with pytest.raises(InputError, match="'xml'"):
        write_shelf(library, SAVED, "xml")


@pytest.mark.parametrize("form", [form for form in FORMS if form != "ris"])
def test_what_was_exported_comes_back(library: Library, matcher: Matcher, form: str) -> None:
    everything = [Saved(work.id, saved=NOW) for work in library.works]
    listing = read_list(write_shelf(library, everything, form))
    assert listing.form == form
    outcome = bring(library, matcher, listing, [], NOW)
    assert [entry.id for entry in outcome.entries] == [work.id for work in library.works]
    assert outcome.missing == outcome.present == ()
    # And by title and author alone.
    plain = replace(listing, rows=tuple(replace(row, id="") for row in listing.rows))
    assert bring(library, matcher, plain, [], NOW).entries == outcome.entries


def test_our_own_json_brings_days_notes_and_lost_works(library: Library, matcher: Matcher) -> None:
    listing = read_list(write_shelf(library, SAVED, "json"))
    outcome = bring(library, matcher, listing, ["yang-mills"], NOW)
    assert [entry.id for entry in outcome.entries] == ["moby-dick", "gone-1"]
    assert (outcome.entries[0].saved, outcome.entries[0].note) == (SAVED[0].saved, "the sermon, again")
    assert outcome.entries[1] == replace(SAVED[2], saved=NOW)
    assert [title for _, title in outcome.present] == [r"${\cal N}=4$ Super Yang-Mills"]


def test_a_goodreads_list_is_matched_by_title_and_author(library: Library, matcher: Matcher) -> None:
    outcome = bring(library, matcher, read_list("\ufeff" + GOODREADS.replace("\n", "\r\n")), [], NOW)
    assert [entry.id for entry in outcome.entries] == ["pride", "frankenstein"]
    assert (outcome.entries[0].saved, outcome.entries[0].note) == ("2024-03-09T00:00:00Z", "for Anna")
    assert {row.place: reason for row, reason in outcome.missing} == {
        "row 4": "“Wuthering Heights” is here by Emily Brontë, which is not the author given",
        "row 5": "no work here has this title and author",
    }


def test_names_and_titles_may_be_written_in_other_ways(library: Library, matcher: Matcher) -> None:
    assert find(library, matcher, "moby dick", "Melville, Herman") == "moby-dick"
    assert find(library, matcher, "Time Machine, The", "HG Wells") == "time-machine"
    assert find(library, matcher, "The time machine: an invention", "Wells, H.G.") == "time-machine"
    assert find(library, matcher, "CRIME & PUNISHMENT", "F. Dostoevsky") == "crime"
    assert find(library, matcher, "Jane Eyre", "Bronte, Charlotte and Someone, Else") == "jane-eyre"
    assert find(library, matcher, "The Wealth of Nation", "Adam Smith") == "wealth"
    assert find(library, matcher, "Attention is all you need", "N. Shazeer; A. Vaswani") == "attention"
    assert find(library, matcher, "The Republic", "Plato") == "republic"


def test_a_title_alone_never_outvotes_an_author(library: Library, matcher: Matcher) -> None:
    assert "Jane Austen" in find(library, matcher, "Emma", "Alexander McCall Smith")
    assert "Emily Brontë" in find(library, matcher, "Wuthering Heights", "Anne Brontë")
    assert "without a named author" in find(library, matcher, "Notes without a Date", "Somebody")
    assert find(library, matcher, "Emma") == find(library, matcher, "Emma", "Unknown") == "emma"
    assert "no title" in find(library, matcher, "")


def test_a_volume_is_another_book_and_two_of_a_title_need_an_author(library: Library) -> None:
    works = list(library.works[:4])
    names = (("Essays: First Series", "Ralph Emerson"), ("Essays: Second Series", "Ralph Emerson"),
             ("Poems", "John Keats"), ("Poems", "Emily Dickinson"))  # fmt: skip
    works = [
        replace(work, id=str(n), title=t, authors=(a,))
        for n, (work, (t, a)) in enumerate(zip(works, names, strict=True))
    ]
    small = type("Shelf", (), {"works": works, "row": library.row})()
    matcher = Matcher(small)
    assert find(small, matcher, "Essays: Second Series", "Ralph Waldo Emerson") == "1"
    assert find(small, matcher, "Poems", "Dickinson, Emily") == "3"
    assert find(small, matcher, "Poems").startswith("2 works have this title")
    assert (
        find(small, matcher, "Essays: Third Series", "Ralph Emerson")
        == "no work here has this title and author"
    )


def test_an_id_of_another_program_is_not_taken_for_ours(library: Library, matcher: Matcher) -> None:
    listing = read_list("id,title,author\nemma,Great Expectations,Charles Dickens\nemma,,\nnone,,\n")
    outcome = bring(library, matcher, listing, [], NOW)
    assert [entry.id for entry in outcome.entries] == ["emma"]
    assert [(row.place, reason) for row, reason in outcome.missing] == [
        ("row 2", "no work here has this title and author"),
        ("row 4", "the library has no work with the id “none”"),
    ]


def test_bibtex_of_others_is_read_with_its_latex(library: Library, matcher: Matcher) -> None:
    text = r"""
@string{who = "Ada"}
@article{a1, Title = {{Deep Residual Learning for Image Recognition}}, author = {He, Kaiming and Zhang, X.}}
@book{b2, title = "Jane {E}yre", author = {Bront{\"e}, Charlotte}, year = 1847}
@book{b2, title = "Emma", author = {Jane Austen}}
@book{b3, title = {broken
"""
    outcome = bring(library, matcher, read_list(text), [], NOW)
    assert {entry.id for entry in outcome.entries} == {"residual", "jane-eyre", "emma"}
    assert [reason for _, reason in outcome.missing] == ["this is no BibTeX that can be read"]


def test_a_row_comes_once_and_a_full_shelf_says_so(library: Library, matcher: Matcher) -> None:
    listing = read_list("Title;Author\nEmma;Jane Austen\nEmma;J. Austen\nPride and Prejudice;Jane Austen\n")
    outcome = bring(library, matcher, listing, [str(number) for number in range(MAX_ENTRIES - 1)], NOW)
    assert [entry.id for entry in outcome.entries] == ["emma"]
    assert [row.place for row, _ in outcome.present] == ["row 3"]
    assert [reason for _, reason in outcome.missing] == [FULL]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" \n", "empty"),
        ("[]", "names no work"),
        ('{"works": 3}', "no list"),
        ("[" * 200_000, "like JSON"),
        ('{"format": "leximind-shelf", "version": 2, "works": []}', "version '2'"),
        ("ISBN,Rating\n1,2\n", "no column"),
        ("just some words", "no column"),
        ("title\n", "names no work"),
        ('title\n"' + "a" * 200_000, "as CSV"),
        ("title\n" + "x\n" * (MAX_ROWS + 1), "rows"),
        ("@a{" * 9000, "rows"),
        ("a" * (MAX_SIZE + 1), "larger"),
        ("[" + "1," * MAX_ROWS + "1]", "rows"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_refused_with_advice(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_list(text)
    assert caught.value.hint


def test_hostile_rows_are_told_not_run(library: Library, matcher: Matcher) -> None:
    rows = '[3, null, {"title": {"a": 1}}, {"id": "x\\u0000", "title": "\\ud800<script>"}, {"authors": [[]]}]'
    outcome = bring(library, matcher, read_list(rows), [], NOW)
    assert len(outcome.missing) == 5 and not outcome.entries
    nasty = "title,author\n\x00,\x00\n'=cmd()|x,A\n" + '"' + "((((" * 100 + '","' + "and " * 400 + '"\n'
    assert len(bring(library, matcher, read_list(nasty), [], NOW).missing) == 3


def test_titles_are_filed_without_article_case_and_accents() -> None:
    assert file_title("The Élan: A Life") == "elan a life"
    assert file_title("A") == "a"
