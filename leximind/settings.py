"""The only reader of the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, get_args

from leximind.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "assets"
MODEL_DIR = ASSETS / "model"
SHELF_DIR = ASSETS / "shelf"
DISCOVERY_DIR = ASSETS / "discovery"

Precision = Literal["float32", "bfloat16", "int8"]
DEFAULT_PRECISION: Final[Precision] = "int8"
"""What the model multiplies in where the processor can and nothing else is asked for."""


@dataclass(frozen=True)
class Settings:
    """Where the app finds its data and model, and where it listens.

    Attributes:
        dataset: a folder or a Hub dataset id; empty means the embedded one.
        model: a folder or a Hub model id; empty means the embedded one.
        host: address to listen on.
        port: port to listen on.
        threads: torch threads for one request; 0 leaves torch's own choice. With one, a visitor's text takes
            a tenth longer (benchmarks/analyse.py), the clicks of all others a third less (app.py, in fp32).
        precision: what the model multiplies in; None is `DEFAULT_PRECISION`, or fp32 where the processor
            has no such products.
        mcp: whether language models may use the endpoints as tools (Model Context Protocol).
    """

    dataset: str = ""
    model: str = ""
    host: str = "127.0.0.1"
    port: int = 7860
    threads: int = 1
    precision: Precision | None = None
    mcp: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read LEXIMIND_DATASET, _MODEL, _THREADS, _PRECISION and _MCP, GRADIO_SERVER_NAME and _PORT.

        Raises:
            InputError: a number is not a number, or out of range, or there is no such precision.
        """
        env = os.environ if env is None else env
        return cls(
            dataset=env.get("LEXIMIND_DATASET", "").strip(),
            model=env.get("LEXIMIND_MODEL", "").strip(),
            host=env.get("GRADIO_SERVER_NAME", cls.host).strip() or cls.host,
            port=_integer(env, "GRADIO_SERVER_PORT", cls.port, 1, 65535),
            threads=_integer(env, "LEXIMIND_THREADS", cls.threads, 0, 1024),
            precision=_precision(env),
            mcp=bool(_integer(env, "LEXIMIND_MCP", int(cls.mcp), 0, 1)),
        )


def build_day(env: Mapping[str, str] | None = None) -> str:
    """The ISO date of SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/), or today.

    Raises:
        InputError: the variable is not a number of seconds.
    """
    given = (os.environ if env is None else env).get("SOURCE_DATE_EPOCH", "").strip()
    if not given:
        return datetime.now(UTC).date().isoformat()
    try:
        return datetime.fromtimestamp(int(given), UTC).date().isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(
            f"SOURCE_DATE_EPOCH is {given!r}, but seconds since 1970 were expected.", hint="Or give --date."
        ) from error


def _integer(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    given = env.get(name, "").strip()
    if not given:
        return default
    if not given.isdecimal() or not low <= int(given) <= high:
        raise InputError(
            f"{name} is {given!r}, but a whole number from {low} to {high} was expected.",
            hint=f"Unset it for the default, {default}.",
        )
    return int(given)


def _precision(env: Mapping[str, str]) -> Precision | None:
    given = env.get("LEXIMIND_PRECISION", "").strip()
    for known in get_args(Precision):
        if given == known:
            return known  # type: ignore[no-any-return]
    if given:
        raise InputError(
            f"LEXIMIND_PRECISION is {given!r}, but one of {', '.join(get_args(Precision))} was expected.",
            hint=f"Unset it for the default, {DEFAULT_PRECISION}.",
        )
    return None
