"""What the README promises: its front matter, its commands, its examples."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from leximind.cli import main
from leximind.library.filters import Filters
from leximind.library.moods import Mood
from leximind.service import Service
from leximind.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python -m leximind (search|similar) (.*)$", README, re.MULTILINE)
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
(CLIENT,) = [text for text in PYTHON if "gradio_client" in text]
(MODEL,) = [text for text in PYTHON if "from_pretrained" in text]
(CURL,) = [text for text in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "curl" in text]
LOCAL = f"http://127.0.0.1:{Settings.port}"


def test_front_matter_fits_a_space() -> None:
    matter = yaml.safe_load(README.split("---\n")[1])
    assert matter["sdk"] == "docker" and matter["app_port"] == 7860
    assert len(matter["short_description"]) <= 60
    assert {"title", "emoji", "colorFrom", "colorTo", "models", "datasets", "tags"} <= set(matter)
    assert "EXPOSE 7860" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_both_commands_are_named_and_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in ("run", "test"):
        assert f"make {command}" in README and re.search(rf"^{command}:", makefile, re.MULTILINE)


def test_pictures_and_linked_files_are_there() -> None:
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert links and all((ROOT / link).exists() for link in links), links


def test_variables_are_those_that_are_read() -> None:
    named = set(re.findall(r"`(LEXIMIND_\w+)`", README))
    names = ("DATASET", "MODEL", "THREADS", "PRECISION", "MCP")
    assert named == {f"LEXIMIND_{name}" for name in names}


@pytest.mark.parametrize(("command", "arguments"), COMMANDS)
def test_commands_answer(command: str, arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, *shlex.split(arguments)]) == 0
    printed = capsys.readouterr().out
    assert "Moby-Dick" in printed if "whale" in arguments else " 1. " in printed


def test_the_model_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(MODEL, "README.md", "exec"), {})
    assert "fear" in capsys.readouterr().out


def test_the_client_example_prints_what_the_service_finds(
    service: Service, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert CLIENT.count(LOCAL) == 1
    exec(compile(CLIENT.replace(LOCAL, address.rstrip("/")), "README.md", "exec"), {})
    *lines, last = capsys.readouterr().out.splitlines()
    page = service.search("obsessive hunt for a whale", Filters(kind="book"), mood=Mood((("fear", 2),)))
    assert lines == [f"{hit.work.title} | {', '.join(hit.reasons)}" for hit in page.hits[:3]]
    assert lines[0].startswith("Moby-Dick")
    close = service.recommend(("moby-dick", "frankenstein"), 3)
    assert last == str([hit.work.id for hit in close]) and len(close) == 3


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_curl_example_prints_what_the_service_finds(service: Service, address: str) -> None:
    assert CURL.count(LOCAL) == 1
    command = CURL.replace(LOCAL, address.rstrip("/"))
    done = subprocess.run(["sh", "-ec", command], capture_output=True, text=True, timeout=60, check=True)
    event, data = re.search(r"^event: (\w+)\ndata: (.*)$", done.stdout, re.MULTILINE).groups()  # type: ignore[union-attr]
    page = service.search("obsessive hunt for a whale", Filters(kind="book"))
    assert event == "complete"
    assert json.loads(data) == [json.loads(json.dumps(page.to_dict()))]
