"""What a start leaves out, and what it does ahead of the first text."""

import subprocess
import sys

from leximind.settings import ROOT


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_imports_gradio_without_its_stubs() -> None:
    run(
        "import leximind.ui\n"
        "from gradio import component_meta as found\n"
        "assert found.create_or_modify_pyi.__module__ == 'leximind.ui.gradio_stubs', 'Gradio has changed'\n"
        "assert found.__spec__.origin.endswith('component_meta.py')\n"
    )


def test_preparing_needs_no_torch_and_leaves_nothing_to_load() -> None:
    run(
        "import sys\n"
        "from leximind.inference.preparation import prepare\n"
        "from leximind.text.language import _identifier\n"
        "prepare()\n"
        "assert _identifier.cache_info().currsize == 1\n"
        "assert 'snowballstemmer.english_stemmer' in sys.modules\n"
        "assert 'torch' not in sys.modules\n"
    )
