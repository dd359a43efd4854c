"""What the README promises: its front matter, its commands, its example."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from leximind.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python -m leximind (search|similar) (.*)$", README, re.MULTILINE)


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


@pytest.mark.parametrize(("command", "arguments"), COMMANDS)
def test_commands_answer(command: str, arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, *shlex.split(arguments)]) == 0
    assert "Moby-Dick" in capsys.readouterr().out or command == "similar"


def test_the_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    assert "fear" in capsys.readouterr().out
