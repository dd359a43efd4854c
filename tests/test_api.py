"""The endpoints: the service's answers as JSON, problems in one shape."""

import json
from typing import Any

import gradio as gr
import pytest

from leximind import api
from leximind.service import Service


@pytest.fixture
def functions(service: Service) -> dict[str, Any]:
    return api.make_functions(service)


def test_search(functions: dict[str, Any]) -> None:
    answer = functions["search"]("mobby dick")
    assert answer["total"] == 1
    assert answer["hits"][0]["work"]["title"] == "Moby-Dick; or, The Whale"
    assert "arc" not in answer["hits"][0]["work"]
    assert answer["facets"]["kinds"] == {"book": 1}
    filtered = functions["search"]("", feel="remorse, fear", year_from=1850, year_to="1900", page_size=5)
    assert [hit["work"]["id"] for hit in filtered["hits"]] == ["crime"]
    assert filtered["sentence"] == "works that feel fear and remorse, 1850-1900"


def test_get_similar_and_analyze(functions: dict[str, Any]) -> None:
    assert functions["get"]("markup")["title"] == "<img src=x onerror=alert(1)>"
    assert len(functions["get"]("emma")["arc"]) == 2
    assert functions["similar"]("moby-dick", 2)["hits"][0]["work"]["id"] == "whale-song"
    analysis = functions["analyze"]("A murder, remorse and a conscience.")
    assert list(analysis["tone"]) == ["remorse"]
    assert analysis["similar"][0]["work"]["id"] == "crime"


def test_answers_are_json(functions: dict[str, Any]) -> None:
    for answer in (
        functions["search"]("whale"),
        functions["get"]("emma"),
        functions["similar"]("emma"),
        functions["analyze"]("A text about remorse."),
    ):
        assert "error" not in answer
        json.dumps(answer, allow_nan=False)


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("search", {"query": "x", "mode": "magic"}, "invalid_input"),
        ("search", {"query": ["x"]}, "invalid_input"),
        ("search", {"topic": "Cooking"}, "invalid_input"),
        ("search", {"year_from": "soon"}, "invalid_input"),
        ("search", {"page": None}, "invalid_input"),
        ("search", {"page_size": 1e9}, "invalid_input"),
        ("get", {"work_id": "nope"}, "not_found"),
        ("get", {"work_id": {"a": 1}}, "not_found"),
        ("similar", {"work_id": "emma", "limit": -1}, "invalid_input"),
        ("analyze", {"text": ""}, "invalid_input"),
        ("analyze", {"text": 5}, "invalid_input"),
    ],
)
def test_problems_have_one_shape(
    functions: dict[str, Any], name: str, arguments: dict[str, Any], code: str
) -> None:
    answer = functions[name](**arguments)
    assert set(answer) == {"error"}
    assert set(answer["error"]) == {"code", "message", "hint"}
    assert answer["error"]["code"] == code
    assert answer["error"]["message"]


def test_the_unexpected_has_the_same_shape_and_gives_nothing_away(service: Service, monkeypatch: Any) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret path /home")

    monkeypatch.setattr(service, "get", fail)
    answer = api.make_functions(service)["get"]("emma")
    assert answer["error"]["code"] == "error"
    assert "secret" not in json.dumps(answer)


def test_endpoints_are_registered_with_their_documentation(service: Service) -> None:
    with gr.Blocks() as page:
        api.register(service)
    named = page.get_api_info()["named_endpoints"]
    assert set(named) == {"/search", "/get", "/similar", "/analyze"}
    assert named["/search"]["description"].startswith("Find books and papers")
    parameters = {entry["parameter_name"]: entry for entry in named["/search"]["parameters"]}
    assert parameters["page"]["type"] == {"type": "integer"}
    assert parameters["mode"]["parameter_default"] == "hybrid"
    for function in api.make_functions(service).values():
        _, described, returned = gr.utils.get_function_description(function)
        assert all(described.values())
        assert returned
