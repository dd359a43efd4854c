"""The endpoints: the service's answers as JSON, problems in one shape."""

import http.client
import inspect
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
import pytest

from leximind import api
from leximind.errors import InputError
from leximind.service import Service
from leximind.ui.gate import MAX_BODY


@pytest.fixture
def functions(service: Service) -> dict[str, Any]:
    return api.make_functions(service)


def ids(answer: dict[str, Any]) -> list[str]:
    return [hit["work"]["id"] for hit in answer["hits"]]


def test_search(functions: dict[str, Any]) -> None:
    answer = functions["search"]("mobby dick")
    assert answer["total"] == 1
    assert answer["hits"][0]["work"]["title"] == "Moby-Dick; or, The Whale"
    assert "arc" not in answer["hits"][0]["work"]
    assert answer["facets"]["kinds"] == {"book": 1}
    filtered = functions["search"]("", feel="remorse, fear", year_from=1850, year_to="1900", page_size=5)
    assert ids(filtered) == ["crime"]
    assert filtered["sentence"] == "works that feel fear and remorse, 1850-1900"


def test_search_by_exclusion_length_order_and_mood(functions: dict[str, Any]) -> None:
    search = functions["search"]
    assert ids(search(feel="love", without="remorse", sort="oldest")) == ["pride", "emma", "wuthering"]
    assert search(length="long")["total"] == 21
    assert search(length="short")["total"] == 0
    moved = search(mood="humour:2,fear:-1", page_size=3)
    assert moved["total"] == 31, "a mood ranks and leaves nothing out"
    assert {"emma", "pride", "getting"} == set(ids(moved))


def test_get_similar_recommend_and_analyze(functions: dict[str, Any]) -> None:
    assert functions["get"]("markup")["title"] == "<img src=x onerror=alert(1)>"
    assert len(functions["get"]("emma")["arc"]) == 2
    assert ids(functions["similar"]("moby-dick", 2))[0] == "whale-song"
    near = ids(functions["recommend"](["moby-dick", "emma"], 3))
    assert len(near) == 3
    assert not {"moby-dick", "emma"} & set(near)
    analysis = functions["analyze"]("A murder, remorse and a conscience.")
    assert list(analysis["tone"]) == ["remorse"]
    assert analysis["similar"][0]["work"]["id"] == "crime"


def test_answers_are_json(functions: dict[str, Any]) -> None:
    for answer in (
        functions["search"]("whale"),
        functions["get"]("emma"),
        functions["similar"]("emma"),
        functions["recommend"](["emma"]),
        functions["analyze"]("A text about remorse."),
    ):
        assert "error" not in answer
        json.dumps(answer, allow_nan=False)


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("search", {"query": "x", "mode": "magic"}, "invalid_input"),
        ("search", {"query": ["x"]}, "invalid_input"),
        ("search", {"query": "x" * 5000}, "invalid_input"),
        ("search", {"topic": "Cooking"}, "invalid_input"),
        ("search", {"year_from": "soon"}, "invalid_input"),
        ("search", {"length": "endless"}, "invalid_input"),
        ("search", {"mood": "gloom:1"}, "invalid_input"),
        ("search", {"mood": "joy:9"}, "invalid_input"),
        ("search", {"mood": {"joy": 1}}, "invalid_input"),
        ("search", {"sort": "random"}, "invalid_input"),
        ("search", {"sort": None}, "invalid_input"),
        ("search", {"page": None}, "invalid_input"),
        ("search", {"page_size": 1e9}, "invalid_input"),
        ("search", {"page_size": 101}, "invalid_input"),
        ("get", {"work_id": "nope"}, "not_found"),
        ("get", {"work_id": {"a": 1}}, "not_found"),
        ("similar", {"work_id": "emma", "limit": -1}, "invalid_input"),
        ("similar", {"work_id": "emma", "limit": 51}, "invalid_input"),
        ("recommend", {"work_ids": []}, "invalid_input"),
        ("recommend", {"work_ids": "emma"}, "invalid_input"),
        ("recommend", {"work_ids": ["emma", 5]}, "invalid_input"),
        ("recommend", {"work_ids": ["emma"] * 1001}, "invalid_input"),
        ("recommend", {"work_ids": ["emma"], "limit": "9"}, "invalid_input"),
        ("analyze", {"text": ""}, "invalid_input"),
        ("analyze", {"text": 5}, "invalid_input"),
        ("analyze", {"text": "x" * 5_000_001}, "invalid_input"),
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
    assert set(named) == {f"/{name}" for name in api.ENDPOINTS}
    assert named["/search"]["description"].startswith("Find books and papers")
    for name, function in api.make_functions(service).items():
        wanted = inspect.signature(function).parameters
        shown = {entry["parameter_name"]: entry for entry in named[f"/{name}"]["parameters"]}
        assert list(shown) == list(wanted)
        for parameter, entry in shown.items():
            assert entry["parameter_has_default"] == (
                wanted[parameter].default is not inspect.Parameter.empty
            )
            if entry["parameter_has_default"]:
                assert entry["parameter_default"] == wanted[parameter].default
        _, described, returned = gr.utils.get_function_description(function)
        assert all(described.values()), described
        assert returned
    parameters = {entry["parameter_name"]: entry for entry in named["/search"]["parameters"]}
    assert parameters["page"]["type"] == {"type": "integer"}
    (listed, _) = named["/recommend"]["parameters"]
    assert listed["type"] == {"type": "array", "items": {"type": "string"}}


def post(address: str, path: str, body: bytes) -> tuple[int, str]:
    """The status and text of an answer, whatever the status."""
    request = urllib.request.Request(
        f"{address.rstrip('/')}/gradio_api/{path}", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def call(address: str, name: str, body: bytes) -> str:
    """What an endpoint streams for a body that it takes."""
    status, text = post(address, f"call/v2/{name}", body)
    assert status == 200, text
    event = json.loads(text)["event_id"]
    with urllib.request.urlopen(
        f"{address.rstrip('/')}/gradio_api/call/v2/{name}/{event}", timeout=30
    ) as stream:
        return str(stream.read().decode())


@pytest.mark.parametrize(
    "data",
    [
        {"mode": "magic"},
        {"query": None},
        {"query": {"path": "/etc/passwd"}},
        {"query": ["whale"] * 50},
        {"query": "\ud800 whale"},
        {"query": "{{ 7 * 7 }} ${1} <script>"},
        {"query": "x", "year_from": "9" * 5000},
        {"page": {}, "page_size": "many"},
    ],
)
def test_hostile_arguments_get_an_answer(address: str, data: dict[str, Any]) -> None:
    text = call(address, "search", json.dumps(data).encode())
    assert text.startswith("event: complete\ndata: [{")
    assert "Traceback" not in text


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b"{}", b'{"data": "x"}', b'{"data": {"a": 1}}', b"[" * 5000, b"\xff\xfe"],
)
def test_hostile_bodies_are_refused_without_a_stack_trace(address: str, body: bytes) -> None:
    status, text = post(address, "call/search", body)
    assert 400 <= status < 500, (status, text)
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("call/nothing", b'{"data": []}', 404, "not_found"),
        ("call/v2/open_address", b"{}", 404, "not_found"),
        ("call/v2/search", b'{"nope": 1}', 400, "invalid_input"),
        ("call/v2/get", b"{}", 400, "invalid_input"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_the_one_shape(
    address: str, path: str, body: bytes, status: int, code: str
) -> None:
    given, text = post(address, path, body)
    assert (given, json.loads(text)["error"]["code"]) == (status, code), text


def test_more_than_any_endpoint_takes_is_refused_before_it_is_read(address: str) -> None:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    connection.putrequest("POST", "/gradio_api/call/v2/analyze")
    connection.putheader("Content-Length", str(MAX_BODY + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, "too_large")
    connection.close()


def test_too_many_arguments_are_left_out(address: str) -> None:
    status, text = post(address, "call/search", json.dumps({"data": ["x"] * 200}).encode())
    assert status < 500
    assert "Traceback" not in text


def test_tools_are_offered_only_with_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "find_spec", lambda name: None)
    assert api.offer_tools(False) is False
    with pytest.raises(InputError, match=r"requirements-mcp\.txt"):
        api.offer_tools(True)
    monkeypatch.setattr(api, "find_spec", lambda name: name)
    assert api.offer_tools(True) is True
