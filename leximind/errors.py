"""Every error a visitor or a caller can meet, in one shape.

A message says what was given and what was expected; a hint says what to do next.
"""


class LexiMindError(Exception):
    """Base of the project's errors.

    Attributes:
        code: a stable identifier for programs.
        status: the HTTP status that fits.
        hint: what to do next, one sentence, may be empty.
    """

    code = "error"
    status = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def to_dict(self) -> dict[str, dict[str, str]]:
        """The one JSON shape of an error: ``{"error": {"code", "message", "hint"}}``."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}


class InputError(LexiMindError):
    """What a visitor or caller gave cannot be used."""

    code = "invalid_input"
    status = 400


class NotFoundError(LexiMindError):
    """No work, file or repository has this name."""

    code = "not_found"
    status = 404


class DataError(LexiMindError):
    """A dataset or an index is damaged or does not fit the schema."""

    code = "invalid_data"


class ModelError(LexiMindError):
    """A checkpoint is missing, damaged or does not fit its configuration."""

    code = "model_unavailable"
    status = 503
