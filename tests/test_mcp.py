"""The endpoints as tools of a language model, through the protocol's own client."""

import ast
import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from leximind.service import Filters, Service
from tests.browsing import serving

pytest.importorskip("mcp", reason="requirements-mcp.txt is not installed")


@pytest.fixture(scope="module")
def tools(service: Service) -> Iterator[str]:
    """The address of the tools of a server."""
    with serving(service, mcp=True) as address:
        yield f"{address.rstrip('/')}/gradio_api/mcp/"


def ask(address: str, name: str = "", **arguments: Any) -> Any:
    """What the server lists, or what a tool answers."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def talk() -> Any:
        async with streamable_http_client(address) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            return await session.call_tool(name, arguments) if name else await session.list_tools()

    return asyncio.run(talk())


def test_every_tool_and_parameter_is_described(tools: str) -> None:
    listed = {tool.name: tool for tool in ask(tools).tools}
    assert set(listed) == {"search", "get", "similar", "recommend", "analyze"}
    for tool in listed.values():
        assert tool.description
        for name, schema in tool.inputSchema["properties"].items():
            assert schema.get("description"), (tool.name, name)
    assert listed["search"].inputSchema["properties"]["page_size"]["default"] == 24
    assert listed["recommend"].inputSchema["required"] == ["work_ids"]


def test_a_tool_answers_like_the_service(tools: str, service: Service) -> None:
    answer = ask(tools, "search", query="obsessive hunt for a whale", kind="book")
    assert not answer.isError
    found = ast.literal_eval(answer.content[0].text)  # Gradio writes a dictionary in Python's way
    assert found["hits"][0]["work"]["id"] == "moby-dick"
    assert found["total"] == service.search("obsessive hunt for a whale", Filters(kind="book")).total
    refused = ast.literal_eval(ask(tools, "get", work_id="nope").content[0].text)
    assert refused["error"]["code"] == "not_found"
