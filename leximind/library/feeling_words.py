"""The feelings that the words of a query name: ``a funny book about dogs``, ``nothing sad``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leximind.labels import EMOTIONS
from leximind.library.moods import MOODS
from leximind.library.query import SOFT, QueryReader

FEELING_WORDS: Final[Mapping[tuple[str, ...], str]] = {
    MOODS["joy"]: """joy joyful joyous happy happier happiest happiness cheerful cheery delight
        delightful merry jolly gladness blissful uplifting exuberant sunny jubilant""",
    ("excitement",): """exciting excited thrill thrilling gripping rousing exhilarating adventurous
        adventure swashbuckling breathless""",
    MOODS["wonder"]: """wonder wondrous wonderful awe awesome amazing amazement marvel marvellous
        marvelous astonishing astonishment enchanting magical sublime breathtaking inspiring""",
    ("curiosity",): "curious curiosity intriguing intrigue fascinating fascination mysterious thoughtful",
    ("admiration",): "admiring admiration admirable heroic courageous courage bravery brave",
    ("surprise",): "surprising surprise unexpected startling shocking",
    MOODS["tenderness"]: """tender tenderness gentle gently sweet warm warmth heartwarming touching
        affection affectionate kindness cosy cozy comforting""",
    ("love", "desire"): "romantic romance love loving passionate passion",
    ("desire",): "longing yearning desire lust sensual erotic",
    MOODS["humour"]: """funny funnier funniest fun amusing amusement humour humor humorous comic comical
        comedy hilarious witty wit laugh laughter laughing giggle silly playful lighthearted satire
        satirical""",
    MOODS["hope"]: "hope hopeful optimism optimistic encouraging reassuring",
    ("relief", "approval"): """calm calming consolation consoling console soothing peaceful serene relaxing
        solace""",
    ("pride",): "proud pride triumphant triumph",
    ("gratitude",): "grateful gratitude thankful",
    MOODS["sorrow"]: """sad sadder saddest sadness sorrow sorrowful melancholy mournful tragic tragedy
        heartbreaking heartbreak heartbroken tearful tearjerker weep weeping cry crying despair despairing
        gloomy depressing miserable misery unhappy wistful bittersweet elegiac""",
    ("sadness",): "lonely loneliness solitude homesick nostalgic nostalgia poignant bleak forlorn",
    ("grief",): "grief grieving mourning bereaved bereavement",
    ("remorse", "sadness"): "guilt guilty remorse remorseful regret regretful repentance",
    ("disappointment",): "disappointed disappointment disillusion disillusioned disillusionment bitter",
    MOODS["fear"]: """fear fearful frightening frightened frighten scary scarier scariest scared scare
        terrifying terror terrified horror horrifying horrific dread dreadful creepy creeping spooky
        chilling eerie sinister haunting menacing nightmarish nightmare unsettling disturbing ghostly
        suspense suspenseful""",
    ("nervousness", "fear"): "anxious anxiety nervous nervousness tense uneasy panic paranoid",
    MOODS["anger"]: """angry anger furious fury rage raging outrage outraged indignant indignation wrath
        hateful""",
    ("disgust",): "disgust disgusting disgusted revolting repulsive gruesome grotesque gory sickening",
    ("embarrassment",): "embarrassing embarrassed embarrassment shame shameful humiliation awkward cringe",
    ("confusion",): "confusing confused bewildering bewildered puzzling perplexing surreal",
}
"""Labels of the model to the words for them; written by us. Inflections are found by their stem."""

NEGATIONS: Final = frozenset(
    ["not", "no", "never", "nothing", "without", "less", "t", "hardly", "neither", "nor", "non"]
)
REACH: Final = 3
"""So many words after a negation are negated by it: ``nothing too sad``, ``not very frightening``."""

_READER: Final = QueryReader()


@dataclass(frozen=True, eq=False)
class Felt:
    """The feelings in a query.

    Attributes:
        profile: (28,) what each label counts, of length 1; below 0 for what is not wanted.
        is_all: whether the query names nothing else, such as ``something sad``.
    """

    profile: NDArray[np.float32]
    is_all: bool


def read_feelings(text: str) -> Felt | None:
    """The feelings that a text without signs (``query.free_text``) names; None when it names none."""
    labels_of = _stems()
    profile = np.zeros(len(EMOTIONS), np.float32)
    is_all = True
    reach = 0
    for word in text.split():
        reach -= 1
        # "don't" is two words to the analyzer, and "warm-hearted" is one of each.
        if NEGATIONS & set(_READER.plain.analyze(word)):
            reach = REACH
            continue
        found = [labels for stem in _READER.stemmed.analyze(word) if (labels := labels_of.get(stem))]
        for labels in found[:1]:
            for label in labels:
                profile[EMOTIONS.index(label)] += (-1 if reach >= 0 else 1) / len(labels)
        is_all &= bool(found) or SOFT.issuperset(_READER.plain.analyze(word))
    length = float(np.linalg.norm(profile))
    return Felt(profile / length, is_all) if length else None


@lru_cache(maxsize=1)
def _stems() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for labels, words in FEELING_WORDS.items():
        for stem in _READER.stemmed.analyze(words):
            found.setdefault(stem, labels)
    return found
