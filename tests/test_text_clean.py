import time

import pytest

from leximind.text.clean import clean

PAGE = """<!DOCTYPE html><html><head><title>Not read</title><style>p { color: red }</style></head>
<body class="a > b"><h1>Moby&nbsp;Dick &amp; more</h1><!-- a > comment <p> --><nav><a href=x>Menu</a></nav>
<p>Call me
   <em>Ishmael</em>.<br>Some years ago&#8212;never mind.</p><script>if (a < b) { alert("</p>") }</script>
<ul><li>one</li><li>two</li></ul><table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>
<pre>x  = 1
y = 2</pre></body></html>"""


def test_markup_becomes_paragraphs() -> None:
    cleaned = clean(PAGE)
    assert cleaned.text == (
        "Moby Dick & more\n\nCall me Ishmael.\nSome years ago—never mind.\n\n"
        "one\ntwo\n\na b\nc\n\nx = 1\ny = 2"
    )
    assert cleaned.notes[0] == "HTML markup was removed."


@pytest.mark.parametrize(
    "text",
    [
        "if a<b and c>d then List<T> is $\\langle x<y \\rangle$",
        "The <p> element starts a paragraph & the <b> element is bold.",
        "x < y, R&D; AT&T",
        "a <3 b </3 c",
    ],
)
def test_prose_with_angle_brackets_is_left_alone(text: str) -> None:
    assert clean(text) == type(clean(""))(text, ())


def test_unknown_tags_in_markup_stay() -> None:
    assert clean("A <b>List<T></b> of things").text == "A List<T> of things"


def test_script_that_never_ends_costs_no_text() -> None:
    assert clean("<b>One</b> <script> two <!-- three").text == "One two three"


def test_entities_without_markup() -> None:
    cleaned = clean("Tom &amp; J&eacute;r&#244;me &unknown; &#99999999;")
    assert cleaned.text == "Tom & Jérôme &unknown; &#99999999;"
    assert cleaned.notes == ("HTML entities were turned into characters.",)


@pytest.mark.parametrize(
    ("given", "expected", "note"),
    [
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd", "Line endings were made uniform."),
        ("a\x0cb\u2029c", "a\n\nb\n\nc", "Line endings were made uniform."),
        (
            "a\x00b\u200bc\ufeffd\u202ee\ud800f",
            "abcdef",
            "Control characters and invisible characters were removed.",
        ),
        ("a\u00a0b\tc\u3000d", "a b c d", "Unusual spaces were replaced by plain ones."),
        ("e\u0301", "é", "Unicode was normalised (NFC)."),
    ],
)
def test_each_step_and_its_note(given: str, expected: str, note: str) -> None:
    cleaned = clean(given)
    assert cleaned.text == expected
    assert cleaned.notes == (note,)


def test_clean_text_is_untouched_and_without_notes() -> None:
    text = "One paragraph.\nA line of it.\n\nAnother — “naïve” 👩‍🚀."
    assert clean(text).text == text
    assert clean(text).notes == ()


def test_blanks_shrink() -> None:
    assert clean("  a   b \n \n\n\n  c  ").text == "a b\n\nc"


def test_marks_that_pile_up_are_cut_short() -> None:
    cleaned = clean("Z" + "\u0315" * 500 + " ok")
    assert len(cleaned.text) == 1 + 30 + 3
    assert "Long runs of combining marks were cut short." in cleaned.notes


@pytest.mark.parametrize(
    "text",
    [
        "<div>" * 200_000 + "</p>",
        "<b><p>" * 160_000 + "</p>",
        "<p " + " ".join(f"a{i}=1" for i in range(120_000)) + ">x</p>",
        '<a "' * 250_000,
        "<!--" * 250_000 + "</p>",
        "<script>" * 125_000 + "</p>",
        "<a" + " " * 1_000_000,
        "&#9" * 330_000,
        "a" + "\u0315\u0300" * 500_000,
        " \n" * 500_000,
        "<p>An ordinary paragraph &amp; more.</p>\n" * 25_000,
    ],
    ids=[
        "nested",
        "mixed",
        "attributes",
        "quotes",
        "comments",
        "scripts",
        "blank",
        "entities",
        "marks",
        "lines",
        "page",
    ],
)
def test_a_megabyte_takes_no_time(text: str) -> None:
    start = time.process_time()
    clean(text)
    assert time.process_time() - start < 2
