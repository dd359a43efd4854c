"""The facts of an entry: subjects, length, where it comes from and which text the model read."""

from typing import Final

from markupsafe import Markup

from leximind.library.references import find_arxiv, find_doi
from leximind.library.work import DESCRIPTION, FULL_TEXT, Work
from leximind.ui.address import View

# Of silent reading, English non-fiction (Brysbaert, 2019, https://doi.org/10.1016/j.jml.2019.104047).
WORDS_A_MINUTE: Final = 238
_MAX_LINKED: Final = 120
_READ_FROM: Final = {
    DESCRIPTION: "the description alone",
    FULL_TEXT: "topic and feelings from the full text, summary and neighbours from the description",
}
_LANGUAGES: Final = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "la": "Latin",
}


def list_facts(work: Work) -> list[tuple[str, str | Markup]]:
    """Names and values for a list of terms; what is not known is left out."""
    facts: list[tuple[str, str | Markup]] = [
        ("Subjects", _link_subjects(work)),
        ("Length", "" if work.n_words is None else describe_length(work.n_words)),
        ("Language", _LANGUAGES.get(work.language, work.language)),
        ("DOI", find_doi(work.url)),
        ("arXiv", find_arxiv(work.url)),
        ("Source", "" if work.source == "DOI" else work.source),
        ("Licence", work.license),
        ("Analysed", f"by {work.model} on {work.analysed_at}"),
        ("Read from", _READ_FROM[work.provenance]),
    ]
    return [(name, value) for name, value in facts if value]


def _link_subjects(work: Work) -> Markup:
    links = [
        Markup('<a href="{}">{}</a>').format(href, subject)
        if (href := link_search("subject", subject))
        else Markup("{}").format(subject)
        for subject in work.subjects
    ]
    return Markup("; ").join(links)


def describe_time(n_words: int) -> str:
    """How long a text takes to read, for example ``about 3 hours``."""
    minutes = n_words / WORDS_A_MINUTE
    if minutes < 55:
        return f"about {max(5, 5 * round(minutes / 5))} minutes"
    hours = round(minutes / 60)
    return f"about {hours} hours" if hours > 1 else "about an hour"


def describe_length(n_words: int) -> str:
    """How long a text is and takes to read, for example ``about 3 hours (43,000 words)``."""
    return f"{describe_time(n_words)} ({n_words:,} words)"


def link_search(field: str, phrase: str) -> str:
    """The address of the works that have a phrase in a field; "" where it is too long to be asked for."""
    words = " ".join(phrase.replace('"', " ").split())
    return View(query=f'{field}:"{words}"').link() if words and len(words) <= _MAX_LINKED else ""
