"""A Gradio page that answers ``analyze`` with the embedded model through ``transformers``; see ``start.py``.

``python benchmarks/plain_app.py FOLDER``: FOLDER is what ``plain.Plain.save`` wrote. It loads the model, then
serves, as one that is written in an hour does.
"""

import sys
from pathlib import Path
from typing import Any

import gradio as gr
from plain import Plain


def main() -> None:
    plain = Plain.load(Path(sys.argv[1]))

    def analyze(text: str) -> dict[str, Any]:
        answers = plain.analyze(text)
        return {
            name: getattr(value, "tolist", lambda value=value: value)() for name, value in answers.items()
        }

    page = gr.Interface(analyze, gr.Textbox(), gr.JSON(), api_name="analyze")
    page.launch(ssr_mode=False, quiet=True)


if __name__ == "__main__":
    main()
