"""The dataset on the Hugging Face Hub, with a card that says what it is."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from huggingface_hub import CommitOperationAdd, DatasetCardData, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError

from leximind.errors import InputError, LexiMindError
from leximind.labels import EMOTIONS, TOPICS
from leximind.library.store import MANIFEST, WORKS, Library
from leximind.library.work import SCHEMA, Work

CARD: Final = "README.md"

_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_MEANINGS: Final = {
    "id": "stable name of the work",
    "kind": "book or paper",
    "year": "of first publication; null when unknown",
    "license": "what the source states about the described text",
    "description": "the text that was analysed",
    "summary": "one or two sentences",
    "summary_source": "written by the model's decoder, or extracted: the description's own key sentence",
    "topic": "the most probable of the seven topics",
    "topic_scores": "a probability for each topic",
    "emotions": "a calibrated probability for each emotion",
    "tone": "up to four emotions that stand out against the average of all works, strongest first",
    "arc": "the emotions passage by passage, for books with their text",
    "embedding": "of title and description, unit length",
    "x": "position on a map of the works",
    "y": "position on a map of the works",
    "model": "what analysed the work",
    "analysed_at": "the day of the analysis",
}


class PublishError(LexiMindError):
    """The Hub did not take the dataset."""

    code = "publish_failed"
    status = 502


def check_access(repo_id: str) -> None:
    """Find out before a long build whether its result could be published.

    Raises:
        InputError: not a name of the form OWNER/NAME, or there is no token.
    """
    if not _REPO_ID.fullmatch(repo_id):
        raise InputError(f"{repo_id!r} is not the name of a dataset: OWNER/NAME was expected.")
    if not get_token():
        raise InputError(
            "There is no Hugging Face token, and publishing needs one that may write.",
            hint="Run `hf auth login`, or set HF_TOKEN.",
        )


def publish(folder: Path, repo_id: str) -> str:
    """Upload works, manifest and card in one commit; returns the address of the dataset.

    The indexes stay here: whoever loads the dataset builds them in a second.

    Raises:
        InputError: no such name, or no token.
        PublishError: the Hub cannot be reached, or refuses.
    """
    check_access(repo_id)
    card = make_card(Library.from_folder(folder), repo_id)
    operations = [
        CommitOperationAdd(CARD, card.encode("utf-8")),
        CommitOperationAdd(WORKS, folder / WORKS),
        CommitOperationAdd(MANIFEST, folder / MANIFEST),
    ]
    api = HfApi()
    try:
        api.create_repo(repo_id, repo_type="dataset", exist_ok=True)
        api.create_commit(
            repo_id, operations, repo_type="dataset", commit_message="Publish the discovery dataset"
        )
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PublishError(
            f"The Hub did not take {repo_id}: {reason}",
            hint="Check the network, the name, and that the token may write there.",
        ) from error
    return f"{api.endpoint}/datasets/{repo_id}"


def make_card(library: Library, repo_id: str) -> str:
    """The dataset card: what is in it, how it was made, its licences, and how to load it."""
    works = library.works
    size = next((name for limit, name in _SIZES if len(works) < limit), "n>1M")
    data = DatasetCardData(
        pretty_name="LexiMind discovery",
        language=sorted({work.language for work in works}),
        license="other",
        license_name="see-license-column",
        size_categories=size,
        tags=["books", "papers", "emotion", "topic", "semantic-search"],
        configs=[{"config_name": "default", "data_files": WORKS}],
    )
    return f"---\n{data.to_yaml()}\n---\n{_BODY.strip()}\n".format_map(
        {
            "repo_id": repo_id,
            "n_works": len(works),
            "model": library.model,
            "version": library.version,
            "date": library.built_at or "an unknown day",
            "columns": _list_columns(),
            "topics": ", ".join(TOPICS),
            "emotions": ", ".join(EMOTIONS),
            "kind_counts": _count("kind", (work.kind for work in works)),
            "topic_counts": _count("topic", (work.topic for work in works)),
            "tone_counts": _count("emotion in the tone", (name for work in works for name in work.tone)),
            "licences": _list_licences(works),
        }
    )


def _list_columns() -> str:
    rows = [f"| `{field.name}` | {field.type} | {_MEANINGS.get(field.name, '')} |" for field in SCHEMA]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *rows])


def _count(what: str, values: Iterable[str]) -> str:
    counts = sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0]))
    rows = [f"| {_escape(name)} | {n_works} |" for name, n_works in counts]
    return "\n".join([f"| {what} | works |", "|---|---|", *rows])


def _list_licences(works: Iterable[Work]) -> str:
    counts = sorted(Counter((work.source, work.license) for work in works).items())
    rows = [f"| {_escape(source)} | {_escape(name)} | {n} |" for (source, name), n in counts]
    return "\n".join(["| source | licence as stated | works |", "|---|---|---|", *rows])


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


_BODY: Final = """
# LexiMind discovery

{n_works} works with their topic, emotions, summary and embedding, for finding the next book or paper to
read. All scores are outputs of the model `{model}`; nothing was sampled or filled in by hand. Analysed on
{date}, version `{version}`.

## How to load it

```python
from datasets import load_dataset

works = load_dataset("{repo_id}", split="train")
```

In the app: `LEXIMIND_DATASET={repo_id} python app.py`.

## What is in it

{kind_counts}

{topic_counts}

{tone_counts}

## Columns

{columns}

The order of `topic_scores`: {topics}.

The order of `emotions` and of each passage of `arc`: {emotions}.

## Licences

Each row says in `license` what its source states:

{licences}
"""
