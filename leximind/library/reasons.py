"""Why a work is in an answer, in short phrases, strongest first."""

from collections.abc import Sequence
from typing import Final

from leximind.library.filters import write_list
from leximind.library.query import QueryReader
from leximind.library.ranking import Match
from leximind.library.work import Work

N_SHARED: Final = 3
MAX_WORDS: Final = 4
VERY_CLOSE: Final = 0.5

_READER: Final = QueryReader()


def explain(match: Match, words: Sequence[str] = (), *, is_doubtful: bool = False) -> tuple[str, ...]:
    """Why a match is in the answer: the words it has of the query, how close it is.

    Args:
        words: those of the query that stand in the work as they are.
        is_doubtful: nothing is close, so that closeness is no more than being nearest.
    """
    reasons = []
    if match.coverage == "title":
        reasons.append("is the title you named")
    elif match.coverage is not None:
        named = write_list([f"“{word}”" for word in words[:MAX_WORDS]], "and") if words else ""
        what = "some of your words" if match.coverage == "some" else "your words"
        reasons.append(f"has {named}" if named else f"matches {what}")
    if match.cosine is not None:
        closeness = "very close" if match.cosine >= VERY_CLOSE else "close" if match.is_close else "related"
        reasons.append("nearest in meaning, though not close" if is_doubtful else f"{closeness} in meaning")
    return tuple(reasons)


def find_words(query: str, work: Work) -> list[str]:
    """The words of a query, as typed, that are in a work in some inflection; each once, in their order."""
    texts = (work.title, *work.authors, *work.subjects, work.description, work.summary)
    stems = set(_READER.stemmed.analyze(" ".join(texts)))
    clauses = _READER.require([clause for clause in _READER.read(query) if not clause.is_negative])
    typed = (clause.word for clause in clauses if clause.word and stems.issuperset(clause.terms))
    return list(dict.fromkeys(typed))


def compare(work: Work, other: Work) -> tuple[str, ...]:
    """What two works have in common."""
    shared = [emotion for emotion in work.tone if emotion in other.tone][:N_SHARED]
    reasons = [f"both feel {write_list(shared, 'and')}"] if shared else []
    if work.topic == other.topic:
        reasons.append(f"both about {work.topic}")
    return tuple(reasons)


def name_closest(work: Work) -> str:
    """Which saved work a recommendation is closest to."""
    return f"close to {work.title.partition(';')[0].partition(':')[0].strip() or work.title}"
