"""What a library holds, counted in one pass over its works."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from leximind.labels import KINDS, TOPICS

_WIDTH: Final = 40


class Countable(Protocol):
    """What is looked at in a work: a ``Work``, or a row of only these columns."""

    @property
    def kind(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def year(self) -> int | None: ...
    @property
    def tone(self) -> tuple[str, ...]: ...
    @property
    def language(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def license(self) -> str: ...


COLUMNS: Final = ("kind", "topic", "year", "tone", "language", "source", "license")


@dataclass(frozen=True)
class Statistics:
    """Counts of works.

    Attributes:
        kinds, topics: in label order, zeros included.
        tones: emotion to works in whose tone it is, most frequent first, zeros left out.
        centuries: first year of the century (1800 for 1800 to 1899, -400 for 400 to 301 BC), oldest first.
        n_undated: without a year. n_toneless: no emotion stands out.
        languages: most frequent first.
        licenses: source to licence, as stated there, to works.
    """

    n_works: int
    kinds: dict[str, int]
    topics: dict[str, int]
    tones: dict[str, int]
    centuries: dict[int, int]
    n_undated: int
    n_toneless: int
    languages: dict[str, int]
    licenses: dict[str, dict[str, int]]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def count(works: Iterable[Countable]) -> Statistics:
    """Count the works of a library, or of any part of one."""
    kinds, topics, tones, centuries, languages = (Counter[Any]() for _ in range(5))
    licenses: Counter[tuple[str, str]] = Counter()
    n_works = n_toneless = 0
    for work in works:
        n_works += 1
        kinds[work.kind] += 1
        topics[work.topic] += 1
        tones.update(work.tone)
        centuries[None if work.year is None else work.year // 100 * 100] += 1
        n_toneless += not work.tone
        languages[work.language] += 1
        licenses[work.source, work.license] += 1
    n_undated = centuries.pop(None, 0)
    by_source: dict[str, dict[str, int]] = {}
    for (source, license_), number in sorted(licenses.items()):
        by_source.setdefault(source, {})[license_] = number
    return Statistics(
        n_works=n_works,
        kinds={label: kinds[label] for label in KINDS},
        topics={label: topics[label] for label in TOPICS},
        tones=_rank(tones),
        centuries=dict(sorted(centuries.items())),
        n_undated=n_undated,
        n_toneless=n_toneless,
        languages=_rank(languages),
        licenses=by_source,
    )


def name_century(first: int) -> str:
    """The years of a century for readers: ``1800-1899``, ``400-301 BC``."""
    return f"{first}-{first + 99}" if first >= 0 else f"{-first}-{-first - 99} BC"


def draw_statistics(statistics: Statistics) -> str:
    """The counts as text for a terminal, with a bar for each."""
    sections: dict[str, Mapping[str, int]] = {
        "Kind": statistics.kinds,
        "Topic": statistics.topics,
        "Century": {name_century(first): n for first, n in statistics.centuries.items()}
        | ({"without a year": statistics.n_undated} if statistics.n_undated else {}),
        "Tone": statistics.tones
        | ({"nothing stands out": statistics.n_toneless} if statistics.n_toneless else {}),
        "Language": statistics.languages,
        "Source and licence": {
            f"{source}: {license_}": n
            for source, licenses in statistics.licenses.items()
            for license_, n in licenses.items()
        },
    }
    noun = "work" if statistics.n_works == 1 else "works"
    lines = [f"{statistics.n_works:,} {noun}"]
    for title, counts in sections.items():
        lines += ["", title]
        width = max(map(len, counts), default=0)
        most = max([*counts.values(), 1])
        for name, number in counts.items():
            bar = "█" * round(_WIDTH * number / most)
            lines.append(f"  {name:<{width}}  {number:>7,}  {bar}".rstrip())
    text = "\n".join(lines) + "\n"
    # A licence comes from elsewhere: no control character of it reaches the terminal.
    return "".join(sign for sign in text if sign == "\n" or sign.isprintable())


def _rank(counts: Counter[Any]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
