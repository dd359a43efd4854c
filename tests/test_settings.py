"""The environment, read in one place."""

import pytest

from leximind.errors import InputError
from leximind.settings import Settings, build_day


def test_defaults_and_values() -> None:
    assert Settings.from_env({}) == Settings()
    given = {"LEXIMIND_DATASET": " a/b ", "GRADIO_SERVER_PORT": "8000", "LEXIMIND_THREADS": "2"}
    assert Settings.from_env(given) == Settings(dataset="a/b", port=8000, threads=2)
    assert Settings.from_env({"LEXIMIND_PRECISION": " int8 "}).precision == "int8"
    assert Settings.from_env({"LEXIMIND_PRECISION": ""}).precision is None, "left to the default"


@pytest.mark.parametrize(
    ("name", "value"),
    [("GRADIO_SERVER_PORT", "70000"), ("LEXIMIND_THREADS", "-1"), ("LEXIMIND_PRECISION", "int4")],
)
def test_what_is_out_of_range_is_named(name: str, value: str) -> None:
    with pytest.raises(InputError, match=name):
        Settings.from_env({name: value})


def test_the_day_of_a_build() -> None:
    assert build_day({"SOURCE_DATE_EPOCH": "86400"}) == "1970-01-02"
    assert len(build_day({})) == 10
    with pytest.raises(InputError, match="SOURCE_DATE_EPOCH"):
        build_day({"SOURCE_DATE_EPOCH": "soon"})
