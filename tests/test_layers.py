"""Which part may import which: DESIGN.md's arrows, held against the syntax trees."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "leximind"

LEAVES = {"errors", "labels", "settings"}
# part -> parts it may import, besides itself, the leaves and the package's own version.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "labels": set(),
    "settings": set(),
    "model": set(),
    "text": {"model"},  # a tokenizer gives tensors and is fetched like the weights it belongs to
    "inference": {"model", "text"},
    "library": {"model", "text"},
    "training": {"model", "text", "inference"},
    "evaluation": {"model", "text", "inference"},
    "service": {"library", "inference"},
    "tools": {"library"},
    "api": {"service", "library"},
    "report": {"service", "library", "inference"},
    "ui": {"api", "service", "library", "inference", "text"},
    # The command line also starts the page and runs the evaluation; nothing imports it.
    "cli": {"service", "tools", "report", "ui", "inference", "text", "evaluation"},
    "__main__": {"cli"},
}
SERVING = ("leximind", "leximind.service", "leximind.library.store", "leximind.api", "leximind.cli")


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Absolute module names a file imports, and whether at import time (not in a function or for types)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node not in late
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or "", node not in late
            if node.module == "leximind":
                for alias in node.names:
                    yield f"leximind.{alias.name}", node not in late


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_one_way(path: Path) -> None:
    part = part_of(path)
    assert part in ARROWS, f"say in {Path(__file__).name} what {part!r} may import"
    allowed = ARROWS[part] | LEAVES | {part, "__version__"}
    for module, _ in imports(path):
        names = module.split(".")
        assert names[0] not in ("builders", "benchmarks", "tests", "app"), f"{path.name} imports {module}"
        if names[0] == "leximind" and len(names) > 1:
            assert names[1] in allowed, f"{part} must not import {module}"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_each_part_may_use(path: Path) -> None:
    part = part_of(path)
    for module, is_eager in imports(path):
        top = module.split(".")[0]
        if part in ("library", "service", "ui", "api", "cli", "report", *LEAVES):
            assert not (top in ("torch", "transformers", "datasets") and is_eager), f"{path}: {module}"
        if part == "library":
            assert top not in ("torch", "transformers", "gradio")
        if part == "model":
            assert top not in ("gradio", "transformers", "datasets", "pyarrow", "faiss", "tantivy")
        if top == "gradio":
            assert part in ("ui", "api")
        assert top not in ("pickle", "joblib", "dill")


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_settings_read_the_environment(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
            assert part_of(path) == "settings", f"{path}: line {node.lineno}"


def test_importing_what_serves_does_not_load_torch() -> None:
    pages = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((PACKAGE / "ui").glob("*.py"))
    ]
    modules = [*SERVING, *(name.removesuffix(".__init__") for name in pages)]
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        "    heavy = {'torch', 'transformers', 'datasets'} & set(sys.modules)\n"
        "    assert not heavy, (name, heavy)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_line_starts_without_the_page() -> None:
    code = (
        "import sys, leximind.cli\n"
        "heavy = {'torch', 'gradio', 'pyarrow', 'faiss', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
