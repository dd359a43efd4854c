"""Entry of the Hugging Face Space: serve the page with the settings of the environment."""

import sys

from leximind.errors import LexiMindError
from leximind.settings import Settings

if __name__ == "__main__":
    try:
        settings = Settings.from_env()
        # After the settings are checked, because Gradio reads the same variables when it is imported.
        from leximind.ui.app import launch

        launch(settings)
    except LexiMindError as error:
        sys.exit(str(error))
