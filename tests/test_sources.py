"""Training tables: the same typed rows out of every kind of file and out of the Hub."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

from leximind.errors import DataError, InputError, NotFoundError
from leximind.labels import EMOTIONS
from leximind.training.readers import Address
from leximind.training.sources import FIELDS, Source, read_source, read_task

COMMENTS = [
    {"id": 7, "comment": "I love whales. ", "labels": ["love", "joy"]},
    {"id": 8, "comment": "So sad", "labels": ["sadness"]},
    {"id": 9, "comment": "A plain remark", "labels": []},
]
COLUMNS = {"text": "comment", "document": "id"}


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pd.DataFrame(rows).to_parquet(path)


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    cells = [{k: ",".join(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows]
    pd.DataFrame(cells).to_csv(path, index=False)


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], None]] = {
    "parquet": write_parquet, "jsonl": write_jsonl, "csv": write_csv,
}  # fmt: skip


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_of_file_gives_the_same_rows(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"comments.{kind}"
    WRITERS[kind](path, COMMENTS)
    table = read_source("emotion", Source(str(path), COLUMNS, kind="comment"))
    assert list(table.frame.columns) == ["text", "labels", "title", "document", "kind", "origin", "known"]
    assert list(table.frame["text"]) == ["I love whales.", "So sad", "A plain remark"]
    assert [list(labels) for labels in table.frame["labels"]] == [["love", "joy"], ["sadness"], []]
    assert list(table.frame["document"]) == ["7", "8", "9"] and set(table.frame["kind"]) == {"comment"}
    assert set(table.frame["origin"]) == {str(path)} and (table.n_empty, table.n_unmapped) == (0, 0)


def test_a_source_says_which_emotions_its_annotators_could_choose(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"text": "Alas!", "labels": ["sadness"]}])
    write_jsonl(tmp_path / "b.jsonl", [{"text": "Ha!", "labels": ["amusement"]}])
    limited = Source(str(tmp_path / "a.jsonl"), known=("joy", "sadness"))
    frame = read_task("emotion", [limited, Source(str(tmp_path / "b.jsonl"))]).frame
    assert [list(known) for known in frame["known"]] == [["joy", "sadness"], list(EMOTIONS)]
    with pytest.raises(InputError, match="melancholy"):
        read_source("emotion", Source(str(tmp_path / "a.jsonl"), known=("melancholy",)))


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write_jsonl(tmp_path / "b" / "two.jsonl", COMMENTS[2:])
    write_parquet(tmp_path / "a.parquet", COMMENTS[:2])
    (tmp_path / "notes.txt").write_text("no data")
    table = read_source("emotion", Source(str(tmp_path), COLUMNS))
    assert list(table.frame["document"]) == ["7", "8", "9"]


def test_several_sources_follow_each_other_and_none_gives_an_empty_frame(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"text": "one", "topic": "Arts"}])
    write_jsonl(tmp_path / "b.jsonl", [{"text": "two", "topic": "Science", "kind": "poem"}])
    sources = [Source(str(tmp_path / name), kind="note") for name in ("a.jsonl", "b.jsonl")]
    frame = read_task("topic", sources).frame
    assert list(frame["topic"]) == ["Arts", "Science"]
    assert list(frame["kind"]) == ["note", "poem"], "what a column says comes before what the source says"
    assert list(read_task("topic", []).frame.columns) == list(frame.columns)


def test_summaries_may_be_one_text_or_several_and_sources_sentences(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "body": ["One sentence.", " Another. "], "short": "Short."},
        {"id": "b", "body": "A body.", "short": ["First.", " ", "Second."]},
        {"id": "c", "body": "Without a summary", "short": []},
        {"id": "d", "body": "", "short": "Without a body"},
        {"id": "e", "body": "Neither", "short": None},
    ]
    write_jsonl(tmp_path / "s.jsonl", rows)
    columns = {"source": "body", "targets": "short", "document": "id"}
    table = read_source("summarization", Source(str(tmp_path / "s.jsonl"), columns, kind="tldr"))
    assert list(table.frame["source"]) == ["One sentence. Another.", "A body."] and table.n_empty == 3
    assert [list(targets) for targets in table.frame["targets"]] == [["Short."], ["First.", "Second."]]


def test_labels_are_translated_by_the_first_pattern_that_fits(tmp_path: Path) -> None:
    categories = ["cs.CL cs.LG", "math.CO", "cs.LG math.CO", "stat.ML"]
    write_jsonl(tmp_path / "t.jsonl", [{"text": name, "topic": name} for name in categories])
    values = {"cs.*": "Technology", "math*": "Science"}
    table = read_source("topic", Source(str(tmp_path / "t.jsonl"), values=values, separator=" "))
    assert dict(table.frame[["text", "topic"]].values.tolist()) == {
        "cs.CL cs.LG": "Technology", "math.CO": "Science",
    }  # fmt: skip
    assert table.n_unmapped == 2, "two topics at once, and a category that nothing was said of"

    write_jsonl(tmp_path / "e.jsonl", [{"text": "a", "labels": [3, 1]}, {"text": "b", "labels": [2]}])
    table = read_source("emotion", Source(str(tmp_path / "e.jsonl"), values={"1": "joy"}))
    assert [list(labels) for labels in table.frame["labels"]] == [["joy"]] and table.n_unmapped == 1


def test_a_row_limit_draws_the_same_rows_for_a_seed_and_others_for_another(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "t.jsonl", [{"text": f"text {i}", "topic": "Arts"} for i in range(200)])
    source = Source(str(tmp_path / "t.jsonl"), rows=20)
    drawn = [list(read_source("topic", source, seed).frame["text"]) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2] and len(set(drawn[0])) == 20
    assert drawn[0] != [f"text {i}" for i in range(20)], "files are often sorted"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "a", "labels": ["bliss"]}, "row 2, column 'labels' is 'bliss', but one of admiration"),
        ({"text": "a", "labels": [4]}, "is 4, but one of admiration"),
        ({"text": 5, "labels": []}, "row 2, column 'text' is 5, a int, but text was expected"),
        ({"text": "a", "labels": '["joy"'}, "but a JSON list was expected"),
    ],
)
def test_a_wrong_value_is_named_with_file_row_and_column(
    row: dict[str, Any], said: str, tmp_path: Path
) -> None:  # fmt: skip
    path = tmp_path / "x.jsonl"
    write_jsonl(path, [{"text": "fine", "labels": ["joy"]}, row])
    with pytest.raises(DataError) as caught:
        read_source("emotion", Source(str(path)))
    assert said in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_missing_column_is_named_with_those_that_are_there(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind}"
    WRITERS[kind](path, [{"comment": "a", "labels": ["joy"]}])
    with pytest.raises(DataError, match=r"has no column 'text'.*it has 'comment', 'labels'"):
        read_source("emotion", Source(str(path)))
    with pytest.raises(DataError, match="has no column 'doc', which emotion needs as 'document'"):
        read_source("emotion", Source(str(path), {"text": "comment", "document": "doc"}))


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no file or folder"):
        read_source("topic", Source(str(tmp_path / "none.parquet")))
    with pytest.raises(NotFoundError, match="holds no file"):
        read_source("topic", Source(str(tmp_path)))
    (tmp_path / "x.xlsx").write_text("")
    with pytest.raises(InputError, match=r"ends in '\.xlsx', but one of \.parquet, \.jsonl, \.csv"):
        read_source("topic", Source(str(tmp_path / "x.xlsx")))
    (tmp_path / "x.jsonl").write_text('{"text": "a", "topic": "Arts"}\n{"text": \n')
    with pytest.raises(DataError, match="line 2, is not JSON"):
        read_source("topic", Source(str(tmp_path / "x.jsonl")))
    (tmp_path / "y.jsonl").write_text("[1, 2]\n")
    with pytest.raises(DataError, match="but an object was expected"):
        read_source("topic", Source(str(tmp_path / "y.jsonl")))
    (tmp_path / "x.parquet").write_text("no parquet")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_source("topic", Source(str(tmp_path / "x.parquet")))
    with pytest.raises(InputError, match=r"No task is called 'tagging'; there are tables for emotion"):
        read_source("tagging", Source("x"))
    with pytest.raises(InputError, match="columns names 'labels', but the fields of topic are text, topic"):
        read_source("topic", Source("x", {"labels": "y"}))


class Hub:
    """Stands for the Hub: one dataset in memory, and what was asked for."""

    def __init__(self, dataset: datasets.Dataset) -> None:
        self.dataset, self.asked = dataset, {}

    def load_dataset(self, name: str, configuration: str | None, **options: Any) -> Any:
        self.asked = {"name": name, "configuration": configuration, **options}
        if name == "nowhere":
            raise datasets.exceptions.DatasetNotFoundError("Dataset 'nowhere' doesn't exist on the Hub")
        return self.dataset.to_iterable_dataset() if options["streaming"] else self.dataset


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    names = list(reversed(EMOTIONS))  # another order than ours
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "labels": datasets.List(datasets.ClassLabel(names=names)),
            "topic": datasets.ClassLabel(names=["Science", "Arts"]),
            "id": datasets.Value("string"),
        }
    )
    rows = {
        "text": [f"comment {i}" for i in range(100)],
        "labels": [[names.index("joy"), names.index("love")] if i % 2 else [0] for i in range(100)],
        "topic": [i % 2 for i in range(100)],
        "id": [f"c{i}" for i in range(100)],
    }
    made = Hub(datasets.Dataset.from_dict(rows, features=features))
    monkeypatch.setattr(datasets, "load_dataset", made.load_dataset)
    return made


@pytest.mark.parametrize("streaming", [False, True])
def test_ids_of_hub_labels_become_names_by_the_features(hub: Hub, streaming: bool) -> None:
    source = Source(
        "hub:go_emotions/simplified:train", {"document": "id"}, streaming=streaming, revision="abc"
    )
    frame = read_source("emotion", source).frame
    assert hub.asked == {
        "name": "go_emotions", "configuration": "simplified", "split": "train", "streaming": streaming,
        "revision": "abc",
    }  # fmt: skip
    assert len(frame) == 100 and list(frame["document"][:2]) == ["c0", "c1"]
    assert list(frame["labels"][1]) == ["joy", "love"] and list(frame["labels"][0]) == [EMOTIONS[-1]]
    topics = read_source("topic", Source("hub:owner/name/default:test", streaming=streaming)).frame["topic"]
    assert list(topics[:3]) == ["Science", "Arts", "Science"]
    assert (hub.asked["name"], hub.asked["configuration"], hub.asked["split"]) == ("owner/name", None, "test")


@pytest.mark.parametrize("streaming", [False, True])
def test_a_limit_draws_hub_rows_at_random(hub: Hub, streaming: bool) -> None:
    source = Source("hub:a/b:train", rows=10, streaming=streaming)
    drawn = [list(read_source("topic", source, seed).frame["text"]) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2] and len(set(drawn[0])) == 10
    assert drawn[0] != [f"comment {i}" for i in range(10)]


def test_a_stream_without_features_is_asked_for_them(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"text": "a", "topic": "Arts"}, {"text": "b", "topic": "Science"}]
    stream = datasets.IterableDataset.from_generator(lambda: iter(rows))
    assert stream.features is None
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: stream)
    frame = read_source("topic", Source("hub:a/b:train", streaming=True)).frame
    assert list(frame["topic"]) == ["Arts", "Science"]


def test_a_hub_split_without_labels_is_refused(hub: Hub) -> None:
    hub.dataset = hub.dataset.select(range(1)).map(lambda _: {"topic": -1})
    with pytest.raises(DataError, match="column 'topic': label -1 has no name; the dataset names 0 to 1"):
        read_source("topic", Source("hub:a/b:test"))


def test_a_dataset_that_is_not_there_is_named(hub: Hub) -> None:
    with pytest.raises(NotFoundError, match=r"hub:nowhere/default:train cannot be read: .*doesn't exist"):
        read_source("topic", Source("hub:nowhere/default:train"))
    with pytest.raises(DataError, match="has no column 'abstract'"):
        read_source("topic", Source("hub:a/b:train", {"text": "abstract"}))


@pytest.mark.parametrize(
    "given", ["hub:go_emotions", "hub:a:train", "hub:a/b/c/d:train", "hub:a/b:", "a/b:c"]
)
def test_an_address_has_a_name_a_configuration_and_a_split(given: str) -> None:
    with pytest.raises(InputError, match="hub:NAME/CONFIGURATION:SPLIT was expected"):
        Address.parse(given)


def test_an_address_may_take_a_slice_of_a_split() -> None:
    assert Address.parse("hub:o/n/c:train[10%]") == Address("o/n", "c", "train[10%]")


def test_every_task_gives_its_fields(tmp_path: Path) -> None:
    rows = {
        "emotion": {"text": "a", "labels": ["joy"]},
        "topic": {"text": "a", "topic": "Arts"},
        "summarization": {"source": "a", "targets": "b"},
        "selection": {"source": "a", "targets": "b"},
        "pairs": {"title": "a", "text": "b"},
    }
    assert set(rows) == set(FIELDS)
    for task, row in rows.items():
        write_jsonl(tmp_path / f"{task}.jsonl", [row])
        (made,) = read_source(task, Source(str(tmp_path / f"{task}.jsonl"))).frame.to_dict("records")
        assert all(made[name] for name in FIELDS[task]) and made["document"] == ""
