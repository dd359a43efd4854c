"""The web page: one module a tab, all HTML made in Python with autoescaping."""

import sys

from leximind.ui.gradio_stubs import StubsLeftOut

sys.meta_path.insert(0, StubsLeftOut())
