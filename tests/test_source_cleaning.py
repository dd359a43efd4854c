"""What is cut from a text and what is mended in it; every text here is made up."""

import time

import pytest

from builders.sources.boilerplate import read_header, strip_boilerplate
from builders.sources.cleaning import clean_passage, clean_work, join_hyphens, repair
from builders.sources.front import strip_front_matter
from builders.sources.opening import find_opening

PROSE = (
    "The lighthouse keeper had not spoken to anyone since the ferry stopped coming in the autumn, and he had "
    "begun to answer the wind instead. Every evening he climbed the stairs, counted them aloud, and told the "
    "lamp what he had seen: two seals, a crate of oranges, a gull with one leg. The lamp never replied."
)
BODY = "\n\n".join([PROSE] * 60)
STORY = f"CHAPTER I\n\n{BODY}"

STARTS = [
    "*** START OF THE PROJECT GUTENBERG EBOOK THE LAMP ***",
    "*** START OF THIS PROJECT GUTENBERG EBOOK THE LAMP ***",
    "***START OF THE PROJECT GUTENBERG EBOOK THE LAMP***",
    "*** START OF THE PROJECT GUTENBERG EBOOK THE LAMP, A TALE OF THE\nNORTHERN SEA, COMPLETE ***",
    "*** START OF THE PROJECT GUTENBERG EBOOK, THE LAMP",
    "*** START OF THE COPYRIGHTED PROJECT GUTENBERG EBOOK THE LAMP ***",
    "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
    "*END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.03/14/01*END*",
    "**This is a COPYRIGHTED Project Gutenberg Etext, Details Above**",
    "Beginning of the Project Gutenberg EBook of The Lamp",
]
ENDS = [
    "*** END OF THE PROJECT GUTENBERG EBOOK THE LAMP ***\n\nUpdated editions will replace the previous one.",
    "*** END OF THIS PROJECT GUTENBERG EBOOK THE LAMP ***\n\n***** This file should be named 99.txt *****",
    "***END OF THE PROJECT GUTENBERG EBOOK THE LAMP***\n\n******* This file should be named 99-0.txt *******",
    "End of the Project Gutenberg EBook of The Lamp, by Roe\n\n*** END OF THIS PROJECT GUTENBERG EBOOK X ***",
    "End of Project Gutenberg's The Lamp, by Jane Roe",
    "End of The Project Gutenberg Etext of The Lamp",
    "Ende dieses Projekt Gutenberg Etextes Die Lampe",
    "*** START: FULL LICENSE ***\n\nTHE FULL PROJECT GUTENBERG LICENSE",
    "**** START**THE SMALL PRINT!**FOR PUBLIC DOMAIN EBOOKS**START****",
]
HEADER = """The Project Gutenberg EBook of The Lamp, by Jane Roe

This eBook is for the use of anyone anywhere at no cost.

Title: The Lamp
       A Tale of the Northern Sea

Author: Jane Roe

Release Date: June 1, 2001 [EBook #9876]
[Most recently updated: May 2, 2020]

Language: English

Original publication: London: Cask and Sons, 1891

"""


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("end", ENDS)
def test_gutenberg_marks_of_all_years(start: str, end: str) -> None:
    assert strip_boilerplate(f"{HEADER}{start}\n\n\n{STORY}\n\n{end}\n\nDonate to us.") == STORY


def test_a_text_that_speaks_of_gutenberg_loses_nothing() -> None:
    for text in (
        f"{BODY}\n\nHe went to Mainz to see the house of Gutenberg, and the end of the street.\n\n{BODY}",
        f"{BODY}\n\nWe took this from Project Gutenberg, and it served us well.",
        "The small print was the end of it.",
    ):
        assert strip_boilerplate(text) == text


def test_half_a_file_loses_the_half_of_the_marks_that_it_has() -> None:
    assert strip_boilerplate(f"{HEADER}{STARTS[0]}\n\n{STORY}") == STORY
    assert strip_boilerplate(f"{STORY}\n\n{ENDS[0]}") == STORY


def test_a_short_text_before_a_long_licence() -> None:
    licence = "You may copy it, give it away or re-use it under the terms of the licence. " * 400
    text = f"{HEADER}{STARTS[0]}\n\n{PROSE}\n\n{ENDS[1]}\n\n*** START: FULL LICENSE ***\n\n{licence}"
    assert strip_boilerplate(text) == PROSE


def test_the_header_is_read() -> None:
    header = read_header(f"\ufeff{HEADER}{STARTS[0]}\n\n{STORY}".replace("\n", "\r\n"))
    assert header is not None
    assert header.title == "The Lamp A Tale of the Northern Sea"
    assert (header.number, header.authors, header.language) == ("9876", ("Jane Roe",), "English")
    assert (header.year, header.is_copyrighted) == (1891, False)
    old = read_header(
        "**The Project Gutenberg Etext of The Lamp, by Jane Roe**\n\nJune, 1994  [Etext #140]\n\n" + STARTS[6]
    )
    assert old is not None and (old.title, old.authors, old.number) == ("The Lamp", ("Jane Roe",), "140")
    owned = read_header(
        f"{HEADER}\nThis is a COPYRIGHTED Project Gutenberg eBook, Details Below\n\n{STARTS[5]}"
    )
    assert owned is not None and owned.is_copyrighted
    two = read_header(HEADER.replace("Author: Jane Roe", "Author: Jane Roe and John Doe"))
    assert two is not None and two.authors == ("Jane Roe", "John Doe")
    various = read_header(HEADER.replace("Author: Jane Roe", "Author: Various"))
    assert various is not None and various.authors == ()


@pytest.mark.parametrize(
    "text", [PROSE, "Title: A memo\nAuthor: me\n\nBody.", "", "Project Gutenberg is good."]
)
def test_a_text_without_a_header_has_none(text: str) -> None:
    assert read_header(text) is None


CONTENTS = {
    "a block of entries with pages": "CONTENTS\n\nI. The Ferry .... 1\nII. The Crate .... 19",
    "entries apart": "Table of Contents\n\nI. The Ferry\n\nII. The Crate\n\nIII. The Lamp",
    "heading and entries together": "CONTENTS.\nCHAPTER PAGE\nI. The Ferry 1\nII. The Crate 19",
    "told at length": "CONTENTS\n\nI. The Ferry. How the ferry stopped, what the keeper thought of it, why "
    "the island was left alone, and in what way he came to speak with the wind; with some remarks on gulls, "
    "and a long account of the stairs, which were counted and found to be one hundred and ninety-nine.\n\n"
    "II. The Crate. Of oranges.",
}


@pytest.mark.parametrize("contents", CONTENTS.values(), ids=CONTENTS)
def test_contents_go_where_the_first_entry_comes_again(contents: str) -> None:
    text = f"THE LAMP\n\nby Jane Roe\n\nLONDON\n1891\n\n{contents}\n\nI. The Ferry\n\n{BODY}"
    assert strip_front_matter(text) == f"I. The Ferry\n\n{BODY}"


def test_contents_of_numbered_chapters_with_titles_on_the_next_line() -> None:
    contents = "CONTENTS\n\nChapter I. The Ferry\nChapter II. The Crate"
    text = f"{contents}\n\nCHAPTER I.\nTHE FERRY.\n\n{BODY}"
    assert strip_front_matter(text) == f"CHAPTER I.\nTHE FERRY.\n\n{BODY}"
    text = f"{contents}\n\nCHAPTER I\n\nThe Ferry\n\n{BODY}"
    assert strip_front_matter(text) == f"CHAPTER I\n\nThe Ferry\n\n{BODY}"


def test_contents_go_where_no_entry_comes_again() -> None:
    text = f"THE LAMP\n\nCONTENTS\n\nThe Ferry 1\n\nThe Crate 19\n\nThe Lamp 40\n\n{BODY}"
    assert strip_front_matter(text) == BODY


def test_lists_of_pictures_go_too() -> None:
    pictures = "LIST OF ILLUSTRATIONS\n\nThe ferry ... Frontispiece\nThe keeper ... 12\nA gull ... 80"
    text = f"CONTENTS\n\nI. The Ferry 1\nII. The Crate 19\n\n{pictures}\n\nI. The Ferry\n\n{BODY}"
    assert strip_front_matter(text) == f"I. The Ferry\n\n{BODY}"


def test_a_preface_stays_wherever_it_stands() -> None:
    contents = "CONTENTS\n\nI. The Ferry 1\nII. The Crate 19"
    before = f"THE LAMP\n\nPREFACE\n\n{PROSE}\n\n{contents}\n\nI. The Ferry\n\n{BODY}"
    assert strip_front_matter(before) == f"PREFACE\n\n{PROSE}\n\nI. The Ferry\n\n{BODY}"
    unlisted = f"THE LAMP\n\n{contents}\n\nPREFACE\n\n{PROSE}\n\nI. The Ferry\n\n{BODY}"
    assert strip_front_matter(unlisted) == f"PREFACE\n\n{PROSE}\n\nI. The Ferry\n\n{BODY}"


def test_title_pages_and_credits_go() -> None:
    front = [
        "Produced by A. Volunteer and the Online Distributed Proofreading Team",
        "[Transcriber's note: the spelling of the original was kept. A list of corrections is at the end.]",
        "[Illustration: the lighthouse]",
        "THE LAMP",
        "or",
        "A TALE OF THE NORTHERN SEA",
        "By\nJANE ROE\nAuthor of “The Buoy”",
        "NEW YORK\nCASK AND SONS, PUBLISHERS\n1891",
        "Copyright, 1891, by Jane Roe",
        "TO MY SISTER",
    ]
    assert strip_front_matter("\n\n".join([*front, STORY])) == STORY
    assert strip_front_matter("\n\n".join([*front, BODY])) == BODY


UNTOUCHED = {
    "prose from the first word": BODY,
    "a chapter from the first word": STORY,
    "a tale that opens with speech": f"“Who is there?”\n\n“The wind,” said the wind.\n\n{BODY}",
    "a poem": "\n\n".join(["Slow is the tide,\nslower the bell,\nand out on the ness\nno one to tell."] * 40),
    "a poem that begins with and": "\n\n".join(["And did the lamp upon the hill\nLook down on every sail\n"
                                               "And was it ever lit at all\nOr was it but a tale?"] * 40),
    "a play": "ACT I\n\nSCENE I. A lighthouse.\n\nKEEPER. Who goes?\n\nWIND. I.\n\n"
    + "\n\n".join(["KEEPER. The stairs are long tonight, and I have counted every one."] * 60),
    "one line a paragraph": "\n\n".join(f"the gull number {i} came and went" for i in range(300)),
    "a list of titles": "\n\n".join(f"SONG {i}\n\nHush now\n\nSleep now" for i in range(90)),
    "the word contents in a text": f"{PROSE}\n\nContents of the crate were oranges.\n\n{BODY}",
    "a heading contents without entries": f"{PROSE}\n\nCONTENTS\n\n{BODY}",
    "a line": "Nothing.",
    "nothing": "",
}  # fmt: skip


@pytest.mark.parametrize("text", UNTOUCHED.values(), ids=UNTOUCHED)
def test_what_is_no_front_matter_stays(text: str) -> None:
    assert strip_front_matter(text) == text


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("The light-\nhouse stood. A lighthouse!", "The lighthouse stood. A lighthouse!"),
        ("A well-\nknown man; he is well-known.", "A well-known man; he is well-known."),
        ("The stone-\nbuilt tower, built of stone.", "The stone-built tower, built of stone."),
        ("He was aston-\nished.", "He was astonished."),
        ("Seven-\nTwo", "Seven-\nTwo"),
        ("He said--\nwell, nothing.", "He said--\nwell, nothing."),
        ("A man-of-\nwar.", "A man-of-\nwar."),
        ("Zu-\nrück, über-\nmorgen", "Zurück, übermorgen"),
    ],
)
def test_words_broken_at_the_end_of_a_line(broken: str, whole: str) -> None:
    assert join_hyphens(broken) == whole


def test_soft_hyphens_join() -> None:
    assert clean_work("The light\u00ad\nhouse, the ne\u00adver end\u00ac\n  ing sea.") == (
        "The lighthouse, the never ending sea."
    )


@pytest.mark.parametrize(
    ("damaged", "mended"),
    [
        ("The keeperâ€™s cafÃ©", "The keeper’s café"),
        ("the ﬁrst ofﬁce", "the first office"),
        ("it\x92s late", "it’s late"),
        ("BrontÃ« and MÃ¼ller", "Brontë and Müller"),
        ("“Ça va”—he said. Motörhead, Ōe, Łódź…", "“Ça va”—he said. Motörhead, Ōe, Łódź…"),
        ("x â 3, ÂNo", "x â 3, ÂNo"),
    ],
)
def test_wrong_decoding_is_undone(damaged: str, mended: str) -> None:
    assert clean_passage(damaged) == mended
    assert repair(f"plain\n{damaged}\nplain").split("\n")[::2] == ["plain", "plain"]


def test_a_whole_gutenberg_file() -> None:
    wrapped = BODY.replace("answer the wind", "answer\r\nthe _wind_")
    contents = "CONTENTS\n\nI. The Ferry\n\nII. The Crate"
    text = f"{HEADER}{STARTS[1]}\n\n\n\nTHE LAMP\n\n{contents}\n\n\nI. The Ferry\n\n"
    cleaned = clean_work(f"{text}{wrapped}\n\n\n\n\n{ENDS[3]}")
    assert cleaned == f"I. The Ferry\n\n{BODY.replace('answer the wind', 'answer' + chr(10) + 'the wind')}"
    assert clean_work(f"{HEADER}{STARTS[1]}\n\n{ENDS[0]}") == ""


def test_the_opening_is_that_of_the_first_chapter() -> None:
    introduction = "INTRODUCTION\n\n" + PROSE.replace("lighthouse keeper", "editor of this volume")
    motto = "The sea has no memory.\n—Old song"
    opening = find_opening(f"{introduction}\n\nCHAPTER I\n\nThe Ferry\n\n{motto}\n\n“Well?”\n\n{BODY}")
    assert opening.startswith("The lighthouse keeper had not spoken") and 500 <= len(opening) <= 1000
    assert opening.endswith(".") and "\n" not in opening
    assert find_opening(f"CHAPTER I\n\n“Well, are you coming?” asked the wind.\n\n{BODY}").startswith(
        "“Well, are"
    )
    assert find_opening(f"{introduction}\n\n{BODY}").startswith("The editor of this volume")


def test_the_opening_of_a_paper_is_its_abstract() -> None:
    abstract = "We measure how long a lamp burns, and find that it burns as long as it is fed with oil. " * 4
    paper = f"A Lamp\nJane Roe, University of Ness\nAbstract. {abstract}\n1 Introduction\nLamps burn. {PROSE}"
    assert find_opening(paper) == abstract.strip()
    assert find_opening(f"Abstract ideas are hard.\n\n{BODY}").startswith(
        "Abstract ideas are hard. The light"
    )


@pytest.mark.parametrize(
    "text", ["Short.", "no full stop at all", "word " * 3000, "x" * 5000, "\n\n".join("abc")]
)
def test_an_opening_is_never_empty_nor_long(text: str) -> None:
    assert 0 < len(find_opening(text)) <= 1002


@pytest.mark.parametrize(
    "text",
    ["a-\n" * 200_000, "*" * 500_000, "_" * 500_000, "CONTENTS\n\n" + "I\n\n" * 150_000,
     "*** START OF THE PROJECT GUTENBERG " * 20_000, "\n\n".join(["CONTENTS"] * 60_000), "x_ " * 200_000,
     "â€" * 100_000],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    start = time.process_time()
    clean_work(text)
    assert time.process_time() - start < 5
