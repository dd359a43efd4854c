"""Which works are taken: each once, and in the languages that are wanted."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from source_rows import describe, make_row, read, write_jsonl

from builders.sources import duplicates
from builders.sources.duplicates import Seen
from builders.sources.entry import RowError, read_entry
from builders.sources.language import settle, short_code
from builders.sources.lookup import Lookup

STATM = Path("/proc/self/statm")
FRENCH = (
    "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient. "
    * 3
)
GERMAN = (
    "Als Gregor eines Morgens aus unruhigen Träumen erwachte, fand er sich in seinem Bett verwandelt. " * 3
)
ENGLISH = describe(1)


@pytest.mark.parametrize(
    ("given", "wanted", "language", "reason"),
    [
        (("en", ENGLISH, ""), ("en",), "en", ""),
        (("", ENGLISH, ""), ("en",), "en", ""),
        (("", FRENCH, ""), ("en", "fr"), "fr", ""),
        (("", FRENCH, ""), (), "fr", ""),
        (("", "Hm.", ""), (), "und", ""),
        (("la", "Hm.", ""), ("la",), "la", ""),
        (("fr", ENGLISH, ""), ("en",), "fr", "language is 'fr', but 'en' was expected."),
        (("en", FRENCH, ""), ("en",), "fr", "The description is in 'fr'"),
        (("en", ENGLISH, GERMAN * 9), ("en",), "de", "The text is in 'de'"),
        (("", FRENCH, ""), ("en", "de"), "fr", "but 'en' or 'de' was expected."),
        (("", "Hm.", ""), ("en",), "und", "cannot be told"),
    ],
)
def test_the_language_of_a_work(
    given: tuple[str, str, str], wanted: tuple[str, ...], language: str, reason: str
) -> None:
    found, said = settle(*given, wanted)
    assert found == language and reason in said and bool(reason) == bool(said)


def test_the_sample_is_taken_behind_what_an_editor_says() -> None:
    text = ENGLISH * 3 + GERMAN * 20
    assert settle("", "Hm.", text, ("de",)) == ("de", "")


@pytest.mark.parametrize(
    ("given", "code"),
    [("en-GB", "en"), ("eng", "en"), ("English", "en"), ("pt_BR", "pt"), ("klingon", "klingon")],
)
def test_codes_of_languages(given: str, code: str) -> None:
    assert short_code(given) == code


def count_pages() -> int:
    """Of 4 KiB, that this process has in memory."""
    return int(STATM.read_text().split()[1])


def change(text: str, every: int) -> str:
    """The text with every n-th word another one."""
    return " ".join(f"w{i}" if i % every == every - 1 else word for i, word in enumerate(text.split()))


@pytest.mark.parametrize(
    ("changes", "is_dropped"),
    [
        ({}, True),
        ({"description": ENGLISH.upper().replace(" ", "  ")}, True),
        ({"description": f"{ENGLISH} And so on."}, True),
        ({"description": change(ENGLISH, 60)}, True),
        ({"description": change(ENGLISH, 8)}, False),
        ({"description": describe(2)}, False),
        ({"title": "The Lamp, Volume 2"}, False),
        ({"title": "The Lamp II"}, False),
        ({"title": "Another Lamp"}, True),
    ],
)
def test_near_duplicates(tmp_path: Path, changes: dict[str, Any], is_dropped: bool) -> None:
    first = make_row(1, title="The Lamp", description=ENGLISH)
    path = write_jsonl(tmp_path / "a.jsonl", [first, make_row(5), first | {"id": "again"} | changes])
    entries, rejected = read(path)
    assert len(rejected) == is_dropped and len(entries) == 3 - is_dropped
    if is_dropped:
        assert rejected[0].id == "again" and "repeats" in rejected[0].reason
        assert rejected[0].reason.endswith("'work-1' of a.jsonl, row 1.")
    assert len(read(path, deduplicate=False)[0]) == 3


def test_short_descriptions_repeat_only_with_title_and_authors(tmp_path: Path) -> None:
    short = "A collection of poems by its author, in English verse."
    rows = [
        make_row(1, title="Poems", description=short),
        make_row(2, title="Poems", authors=["Ann Poe"], description=short),
        make_row(3, title="poems", description=short.upper().replace(",", "")),
    ]
    entries, rejected = read(write_jsonl(tmp_path / "a.jsonl", rows))
    assert [entry.id for entry in entries] == ["work-1", "work-2"]
    assert rejected[0].reason == "It repeats 'work-1' of a.jsonl, row 1."


def test_full_texts_are_compared_and_not_what_is_said_of_them(tmp_path: Path) -> None:
    text = "\n\n".join(describe(i) for i in range(10, 20))
    rows = [make_row(i, title="Lamps", text=text) for i in (1, 2)] + [make_row(3, text=describe(40) * 5)]
    entries, rejected = read(write_jsonl(tmp_path / "a.jsonl", rows))
    assert [entry.id for entry in entries] == ["work-1", "work-3"] and rejected[0].id == "work-2"


def test_of_many_works_alike_one_stays(tmp_path: Path) -> None:
    rows = [make_row(i, title="Lamps", description=change(ENGLISH, 60 + i)) for i in range(30)]
    rows.append(make_row(99))
    entries, _ = read(write_jsonl(tmp_path / "a.jsonl", rows))
    assert [entry.id for entry in entries] == ["work-0", "work-99"]


def test_works_of_one_form_are_measured_a_few_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_MAX_CANDIDATES", 3)
    with Seen(deduplicate=True) as seen:
        for i in range(20):
            seen.add(read_entry(make_row(i, description=change(ENGLISH, 9) + f" {describe(i)}")), "a")


@pytest.mark.skipif(not STATM.exists(), reason="the memory of a process is read from /proc")
def test_memory_does_not_grow_with_the_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builders.sources.lookup.CACHE_MIB", 1)
    entry = read_entry(make_row(0))
    with Seen(deduplicate=True) as seen:
        statement = "INSERT INTO works (id, place, numerals, shingles) VALUES (?, 'a', '', ?)"
        before = count_pages()
        seen._scratch.executemany(statement, ((f"old-{i}", b"x" * 600) for i in range(80_000)))
        n_pages = seen._scratch.execute("PRAGMA page_count").fetchone()[0]
        assert n_pages > 10_000 and count_pages() - before < 3_000, "what does not fit lies on the disk"
        with pytest.raises(RowError, match="already that of a"):
            seen.add(read_entry(make_row(0, id="old-0")), "b")
        seen.add(entry, "b")
        with pytest.raises(RowError, match="repeats 'work-0'"):
            seen.add(read_entry(make_row(0, id="new")), "b")


def test_a_lookup_keeps_the_first_of_a_key() -> None:
    with Lookup() as lookup:
        lookup.add(["a", "b"], {"text": "é", "n": 1})
        lookup.add(["b", "c"], {"text": "second"})
        assert lookup.get("b") == {"text": "é", "n": 1} and lookup.get("c") == {"text": "second"}
        assert lookup.get("d") is None
    with pytest.raises(sqlite3.ProgrammingError):
        lookup.get("a")
