"""The dataset card: what is in a published library, how it was made and measured, how to load it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pyarrow.parquet as pq
from datasets import DatasetInfo
from datasets.info import DatasetInfosDict
from huggingface_hub import DatasetCardData

from leximind.library.croissant import MEANINGS
from leximind.library.dataset import SHARDS, list_works
from leximind.library.insights import read_metrics
from leximind.library.statistics import COLUMNS, Statistics, count, name_century
from leximind.library.work import SCHEMA

_SIZES: Final = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)  # fmt: skip
_BATCH: Final = 10_000


def make_card(folder: Path, manifest: Mapping[str, Any], info: DatasetInfo, repo_id: str, model: Path) -> str:
    """The card of the dataset in a folder, YAML and Markdown.

    Args:
        manifest: of the dataset. info: its features and sizes.
        model: folder of the model; what was measured is told only of the model that analysed the works.
    """
    files = list_works(folder)
    counts = count(read_countable(files))
    whole = len(files) == 1
    data = DatasetCardData(
        pretty_name="LexiMind discovery",
        language=sorted(counts.languages),
        license="other",
        license_name="see-license-column",
        size_categories=next((name for limit, name in _SIZES if counts.n_works < limit), "n>10M"),
        tags=["books", "papers", "emotion", "topic", "semantic-search", "croissant"],
        configs=[{"config_name": "default", "data_files": files[0].name if whole else SHARDS}],
    )
    DatasetInfosDict({"default": info}).to_dataset_card_data(data)
    body = _BODY.strip().format_map(
        {
            "repo_id": repo_id,
            "n_works": f"{counts.n_works:,}",
            "model": manifest["model"],
            "version": manifest["version"],
            "date": manifest.get("built_at") or "an unknown day",
            "file": files[0].name if whole else "works-00000-of-*.parquet",
            "columns": _list_columns(),
            "counts": _list_counts(counts, count_provenance(files)),
            "quality": _list_quality(model, str(manifest["model"])),
            "licences": _list_licences(counts),
        }
    )
    return f"---\n{data.to_yaml()}\n---\n{body}\n"


def read_countable(files: Iterable[Path]) -> Iterator[SimpleNamespace]:
    """The columns that are counted, work by work; memory does not grow with the dataset."""
    for path in files:
        for batch in pq.ParquetFile(path).iter_batches(_BATCH, columns=list(COLUMNS)):
            for row in batch.to_pylist():
                yield SimpleNamespace(**row)


def count_provenance(files: Iterable[Path]) -> dict[str, int]:
    """Works by the text that their figures come from."""
    found: dict[str, int] = {}
    for path in files:
        for batch in pq.ParquetFile(path).iter_batches(_BATCH, columns=["provenance"]):
            for row in batch.column(0).value_counts().to_pylist():
                found[row["values"]] = found.get(row["values"], 0) + row["counts"]
    return found


def _list_counts(counts: Statistics, provenance: Mapping[str, int]) -> str:
    centuries = {name_century(first): n for first, n in counts.centuries.items()}
    if counts.n_undated:
        centuries["without a year"] = counts.n_undated
    tones = dict(counts.tones)
    if counts.n_toneless:
        tones["nothing stands out"] = counts.n_toneless
    tables = {
        "kind": counts.kinds,
        "topic": counts.topics,
        "century": centuries,
        "emotion in the tone": tones,
        "analysed from the": provenance,
    }
    return "\n\n".join(_draw_table((what, "works"), by_name.items()) for what, by_name in tables.items())


def _list_columns() -> str:
    rows = ((f"`{field.name}`", str(field.type), MEANINGS.get(field.name, "")) for field in SCHEMA)
    return _draw_table(("column", "type", "meaning"), rows, is_escaped=True)


def _list_licences(counts: Statistics) -> str:
    rows = ((source, name, n) for source, by_name in counts.licenses.items() for name, n in by_name.items())
    return _draw_table(("source", "licence as stated", "works"), rows)


def _list_quality(model: Path, name: str) -> str:
    """The measures of metrics.json with an interval or a baseline beside them."""
    try:
        measured = json.loads((model / "profile.json").read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, KeyError, TypeError):
        measured = ""
    rows = []
    for task, by_measure in read_metrics(model).items() if measured == name else ():
        for measure, given in by_measure.items() if isinstance(by_measure, Mapping) else ():
            values = dict(given) if isinstance(given, Mapping) else {}
            value, low, high = (values.pop(part, None) for part in ("model", "low", "high"))
            if value is None or not (values or low is not None):
                continue
            interval = "" if low is None or high is None else f"{low:.3f} to {high:.3f}"
            beside = ", ".join(f"{_plain(base)} {score:.3f}" for base, score in values.items())
            rows.append((task, _plain(measure), f"**{value:.3f}**", interval, beside))
    if not rows:
        return "Nothing was measured for this model, so take its labels as guesses."
    return "On texts the model did not see in training, beside simple baselines:\n\n" + _draw_table(
        ("measured on", "measure", "this model", "95 %", "baselines"), rows
    )


def _draw_table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]], *, is_escaped: bool = False) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row)
        lines.append(f"| {' | '.join(cell if is_escaped else _escape(cell) for cell in cells)} |")
    return "\n".join(lines)


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _escape(text: str) -> str:
    """Names come from elsewhere: they end no cell and open no tag or link."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return plain.replace("|", "\\|").replace("[", "\\[").replace("`", "\\`")


_BODY: Final = """
# LexiMind discovery

{n_works} books and papers with their topic, emotions, summary and embedding, for finding the next one to
read. All scores are outputs of the model `{model}`; nothing was sampled or filled in by hand. Analysed on
{date}, version `{version}`.

## How to load it

```python
from datasets import load_dataset

works = load_dataset("{repo_id}", split="train")
exactly_these = load_dataset("{repo_id}", split="train", revision="v{version}")
```

```python
import pandas as pd

works = pd.read_parquet("hf://datasets/{repo_id}/{file}")
```

In the app: `LEXIMIND_DATASET={repo_id} python app.py`. `croissant.json` describes the dataset to tools that
read Croissant, and `dataset_infos.json` its features and sizes.

## What is in it

{counts}

## Columns

{columns}

## How the tone is chosen

An emotion is named only when its score lies above the average of all works here, at least one standard
deviation above the average of the works read from the same kind of text (a description or the full text), and
is not faint: at least 0.1 for a description, 0.05 for a full text. Neutral is never named, and at most four
are. A work without a tone is not a cold work: nothing in it stands out.

## Measured quality

{quality}

## What it cannot say

The emotions are those that a model expects readers to name. It learned them mostly from short comments on
the internet; long or old prose, irony and quotation can fool it. Every work gets one of seven topics, also
when two fit or none does; `topic_scores` say how sure that is. A summary marked `written` can be wrong.

## Licences

Each row says in `license` what its source states:

{licences}
"""
