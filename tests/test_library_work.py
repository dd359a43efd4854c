"""The schema, and what a table must not hold."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leximind.errors import DataError
from leximind.labels import EMOTIONS
from leximind.library.work import SCHEMA, Work, features, read_matrix, read_works, validate

NEUTRAL_ROW = [0.05] * len(EMOTIONS)


def change(table: pa.Table, column: str, row: int, value: Any) -> pa.Table:
    rows = table.to_pylist()
    rows[row][column] = value
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def test_a_table_survives_parquet_and_becomes_works(table: pa.Table, tmp_path: Any) -> None:
    pq.write_table(table, tmp_path / "works.parquet")
    again = pq.ParquetFile(tmp_path / "works.parquet").read()
    validate(again)
    works = read_works(again)
    assert again.schema.equals(SCHEMA)
    assert [work.id for work in works] == table.column("id").to_pylist()
    assert works[0].authors == ("Herman Melville",)
    assert len(works[0].arc) == 2
    assert len(works[0].arc[0]) == len(EMOTIONS)
    assert read_matrix(again, "embedding").shape == (len(works), 384)


def test_to_dict_is_json_ready_and_complete(table: pa.Table) -> None:
    work = read_works(table)[0]
    plain = work.to_dict()
    assert set(plain) == set(Work.__slots__)
    assert plain["tone"] == ["fear", "admiration"]
    assert plain["emotions"][EMOTIONS.index("fear")] == 0.6
    assert isinstance(plain["arc"][0], list)


def test_features_hold_the_same_columns(table: pa.Table) -> None:
    given = features()
    assert list(given) == SCHEMA.names
    assert given.arrow_schema.field("embedding").type == SCHEMA.field("embedding").type


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("id", "", "the id is empty"),
        ("id", "moby-dick", "already that of row 0"),
        ("id", None, "missing"),
        ("kind", "film", "book or paper"),
        ("title", "  ", "a title"),
        ("title", None, "missing"),
        ("year", 20000, "from -3000 to 2100"),
        ("url", "javascript:alert(1)", "http or https"),
        ("url", "https://", "http or https"),
        ("authors", ["Ann", None], "missing value"),
        ("summary_source", "guessed", "written or extracted"),
        ("topic", "Cooking", "one of Arts"),
        ("topic", "Arts", "highest score"),
        ("topic_scores", [float("nan")] * 7, "from 0 to 1"),
        ("emotions", [1.5, *NEUTRAL_ROW[1:]], "from 0 to 1"),
        ("arc", [[-0.1, *NEUTRAL_ROW[1:]]], "from 0 to 1"),
        ("tone", ["boredom"], "labels.EMOTIONS"),
        ("tone", ["joy", "joy"], "each once"),
        ("embedding", [np.float16(1.0)] * 384, "unit length"),
        ("embedding", [np.float16("nan")] * 384, "unit length"),
        ("x", float("inf"), "finite"),
        ("analysed_at", "yesterday", "ISO date"),
    ],
)
def test_a_wrong_value_names_column_row_and_reason(
    table: pa.Table, column: str, value: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        validate(change(table, column, 2, value))
    assert repr(column) in caught.value.message
    if "missing value" not in message:
        assert "row 2" in caught.value.message
    assert caught.value.hint


def test_columns_must_be_those_of_the_schema(table: pa.Table) -> None:
    with pytest.raises(DataError, match="'summary' is missing"):
        validate(table.drop_columns(["summary"]))
    with pytest.raises(DataError, match=r"\['notes'\]"):
        validate(table.append_column("notes", pa.array([""] * len(table))))
    retyped = table.set_column(0, "id", table.column("id").cast(pa.large_string()))
    with pytest.raises(DataError, match="'id' is large_string, but string"):
        validate(retyped)


def test_a_year_may_be_unknown(table: pa.Table) -> None:
    validate(change(table, "year", 0, None))
