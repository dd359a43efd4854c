"""What every talk with the Hugging Face Hub needs: access known early, patience, errors in plain words."""

import re
import time
from collections.abc import Callable
from typing import Final, TypeVar

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError

from leximind.errors import InputError, LexiMindError

# Seconds before each new try of a request that huggingface_hub itself sends only once.
WAITS: Final = (1.0, 2.0, 4.0)

_REPO_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_HINTS: Final = {
    401: "The token is not valid (any more). Run `hf auth login`, or set HF_TOKEN.",
    403: "The token may not write there. Check the owner's name and the token's permissions.",
    404: "Check the name, and that the token may see it.",
    409: "Someone else published meanwhile. Run the same command again.",
    412: "Someone else published meanwhile. Run the same command again.",
    413: "The Hub has no room for so large a file or dataset.",
}
_LATER: Final = "Run the same command again later: what was uploaded is not uploaded again."
Result = TypeVar("Result")


class PublishError(LexiMindError):
    """The Hub did not take the dataset."""

    code = "publish_failed"
    status = 502


def check_access(repo_id: str) -> None:
    """Find out before a long build whether its result could be published.

    Raises:
        InputError: not a name of the form OWNER/NAME, no token, or one that may not write there.
        PublishError: the Hub cannot be reached.
    """
    if not _REPO_ID.fullmatch(repo_id):
        raise InputError(f"{repo_id!r} is not the name of a dataset: OWNER/NAME was expected.")
    if not get_token():
        raise InputError(
            "There is no Hugging Face token, and publishing needs one that may write.",
            hint="Run `hf auth login`, or set HF_TOKEN.",
        )
    try:
        who = retry(HfApi().whoami)
    except HfHubHTTPError as error:
        if error.response.status_code == 401:
            raise InputError("The Hugging Face token is not valid.", hint=_HINTS[401]) from error
        raise explain(error, "The Hub did not say who the token belongs to") from error
    except Exception as error:
        raise explain(error, "The Hub cannot be reached") from error
    owner = repo_id.split("/", maxsplit=1)[0]
    owners = [who.get("name", ""), *(group.get("name", "") for group in who.get("orgs", []))]
    if owner.lower() not in [name.lower() for name in owners]:
        raise InputError(
            f"The token belongs to {owners[0]}, who cannot publish as {owner}.",
            hint=f"Use a name that begins with {' or '.join(f'{name}/' for name in owners)}.",
        )
    if who.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise InputError("The Hugging Face token may only read.", hint="Make one that may write.")


def retry(call: Callable[[], Result]) -> Result:
    """The answer of a request that may be sent twice, in spite of faults that pass."""
    for wait in WAITS:
        try:
            return call()
        except Exception as error:
            if not is_passing(error):
                raise
        time.sleep(wait)
    return call()


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed in a moment: the Hub is busy, or the connection broke."""
    response = getattr(error, "response", None)
    if response is not None:
        return bool(response.status_code in _PASSING)
    # httpx's own errors; it is no dependency of ours, so it is known by name.
    return isinstance(error, ConnectionError | TimeoutError) or any(
        base.__name__ == "TransportError" for base in type(error).__mro__
    )


def explain(error: BaseException, what: str) -> PublishError:
    """An error of the Hub's client in one sentence, with what to do about it."""
    cause = error
    while cause.__cause__ is not None and getattr(cause, "response", None) is None:
        cause = cause.__cause__
    response = getattr(cause, "response", None)
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    reason = lines[0] if lines else type(cause).__name__
    status = response.status_code if response is not None else 0
    hint = _HINTS.get(status, _LATER if is_passing(cause) else "Check the network and the name.")
    return PublishError(f"{what}: {reason.rstrip('.')}.", hint=hint)
