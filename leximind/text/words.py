"""Words: where they are, which carry meaning, and how the source writes them."""

import re
from collections import Counter
from typing import Final

WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

STOPWORDS: Final = frozenset(
    """
    a about above after again against all also am an and any are aren't as at be because been before
    being below between both but by can can't cannot could couldn't did didn't do does doesn't doing
    don't down during each either else ever every few for from further get gets got had has hasn't have
    haven't having he he's her here hers herself him himself his how however i i'd i'll i'm i've if in
    into is isn't it it's its itself just let like made make makes many may me might more most much must
    my myself neither no nor not now of off often on once one only onto or other our ours ourselves out
    over own per rather said same she she's should so some such than that that's the their theirs them
    themselves then there these they this those through thus to too toward towards under until up upon
    us use used uses using very via was we well were what when where whether which while who whom whose
    why will with within without would yet you your yours yourself
    """.split()  # noqa: SIM905
)


_BETWEEN: Final = " \n\"'“‘("


def content_words(text: str) -> list[str]:
    """The words of `text` that carry meaning, in lower case, in order."""
    words = (match[0].lower().replace("’", "'") for match in WORD.finditer(text))
    return [word for word in words if word not in STOPWORDS and (len(word) > 2 or word.isdigit())]


class Casing:
    """How a source writes its words; gives lower-case text its capitals and joins back.

    A word takes its most frequent spelling away from the starts of sentences, or its only spelling.
    """

    def __init__(self, source: str) -> None:
        inner: dict[str, Counter[str]] = {}
        outer: dict[str, Counter[str]] = {}
        for match in WORD.finditer(source):
            at = match.start()
            while at and source[at - 1] in _BETWEEN:
                at -= 1
            before = source[at - 1 : at] if at else ""
            counts = outer if not before or before in ".!?:" else inner
            counts.setdefault(match[0].lower(), Counter())[match[0]] += 1
        self.spelling = {word: spellings.most_common(1)[0][0] for word, spellings in inner.items()}
        for word, spellings in outer.items():
            form = spellings.most_common(1)[0][0]
            # "The" at the start of a sentence says nothing; "NASA" and "iPhone" do.
            self.spelling.setdefault(word, word if form == word.capitalize() else form)
        self.source = source.lower()

    def restore(self, text: str) -> str:
        """Lower-case, token-spaced `text` as the source would write it, as a sentence."""
        text = re.sub(r"\s+([,.;:!?%)\]’])", r"\1", re.sub(r"([(\[‘])\s+", r"\1", text))
        text = re.sub(r"(\w+) ?(['’.–/-]) (?=(\w+))", self._join, text)
        text = WORD.sub(lambda match: self.spelling.get(match[0].lower(), match[0]), text).strip()
        first = next((i for i, character in enumerate(text) if character.isalnum()), None)
        if first is not None:
            text = text[:first] + text[first].upper() + text[first + 1 :]
        return text if not text or text[-1] in ".!?" else text.rstrip(",;:- ") + "."

    def _join(self, match: re.Match[str]) -> str:
        joined = match[1] + match[2]
        return joined if (joined + match[3]).lower() in self.source else match[0]
