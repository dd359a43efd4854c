"""What an analysis reads from files besides the model; without torch, so that it can be read meanwhile."""

from leximind.text.language import identify

_ENGLISH = "A sentence that is long enough to say which language it is in."


def prepare() -> None:
    """Load the languages and the stemmer, for which the first text would otherwise wait."""
    import snowballstemmer

    identify(_ENGLISH)
    snowballstemmer.stemmer("english")
