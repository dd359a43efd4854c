import subprocess
import sys

import pytest

from leximind.text.language import identify


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("It was the best of times, it was the worst of times.", "en"),
        ("Longtemps, je me suis couché de bonne heure.", "fr"),
        ("Alle glücklichen Familien gleichen einander.", "de"),
        ("吾輩は猫である。名前はまだ無い。", "ja"),
    ],
)
def test_language_is_named(text: str, language: str) -> None:
    found, confidence = identify(text)
    assert found == language
    assert 0.5 <= confidence <= 1


@pytest.mark.parametrize("text", ["", "   ", "hi", "Hello there", "1234 5678 90 " * 20, "\ud800" * 40])
def test_too_little_text_is_undecided(text: str) -> None:
    assert identify(text)[0] == "und"


def test_only_the_beginning_is_read() -> None:
    english = "The sea was calm and the ship lay still under the stars. " * 80
    assert identify(english + "Longtemps, je me suis couché de bonne heure. " * 5000) == identify(english)


def test_import_does_not_load_the_model() -> None:
    code = "import sys, leximind.text.language; sys.exit('py3langid' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
