"""LexiMind: find the next book or paper to read by topic, by feeling and by meaning.

Importing the package is cheap: torch is loaded only by what runs the model.
"""

__version__ = "0.3.0"
