"""The dataset on the Hugging Face Hub: ``python builders/publish.py OWNER/NAME [--folder FOLDER]``.

Readers see the branch ``main``. A new version is first committed to a branch of its own, downloaded again,
compared and tagged; only then ``main`` takes it over, in one commit that copies what is already there. Until
that commit nothing that readers see has changed, and whatever fails before it leaves no trace but uploaded
files that belong to nothing, which the next try does not upload again.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.sha import git_hash

from builders.hub import PublishError, check_access, explain, retry
from leximind.errors import LexiMindError
from leximind.library.croissant import digest
from leximind.library.dataset import SHARDS, WORKS
from leximind.settings import DISCOVERY_DIR, MODEL_DIR

if TYPE_CHECKING:
    from builders.upload import Upload

__all__ = ["PublishError", "Published", "check_access", "publish"]

MAIN: Final = "main"
BRANCH: Final = "publishing"
_MESSAGE: Final = "Publish {n_works:,} works, version {tag}"


@dataclass(frozen=True)
class Published:
    """What readers see now.

    Attributes:
        address: of the dataset's page. tag: the version. commit: of ``main``.
        is_new: whether this push changed anything.
    """

    address: str
    tag: str
    commit: str
    n_works: int
    is_new: bool

    def __str__(self) -> str:
        return f"{self.address} at {self.tag}, {self.n_works:,} works"


def publish(
    folder: Path,
    repo_id: str,
    *,
    report: Callable[[str], object] = lambda line: None,
    model: Path = MODEL_DIR,
) -> Published:
    """Put a dataset on the Hub; either all of it is published or what readers see does not change.

    Args:
        report: called with a line for each step.
        model: its folder, for what was measured.

    Raises:
        InputError: no such name, no token, or one that may not write there.
        PublishError: the Hub cannot be reached, refuses, or gives back something else than it was given.
        LexiMindError: the folder does not hold a whole dataset.
    """
    check_access(repo_id)
    from builders.upload import prepare  # late: `datasets` takes seconds to load, and most builds stay here

    api = HfApi()
    address = f"{api.endpoint}/datasets/{repo_id}"
    with TemporaryDirectory(prefix="leximind-publish-") as name:
        upload = prepare(folder, Path(name) / "upload", repo_id, address, model)
        push = _Push(api, repo_id, upload, report)
        try:
            commit, is_new = push.run(Path(name) / "back")
        except LexiMindError:
            raise
        except Exception as error:  # the client raises HTTP, OS, value and runtime errors
            raise explain(error, f"{repo_id} was not published. Failed while {push.doing}") from error
    return Published(address, upload.tag, commit, upload.n_works, is_new)


class _Push:
    """One try to publish.

    Attributes:
        doing: the step at hand, for the message of an error.
    """

    def __init__(self, api: HfApi, repo_id: str, upload: "Upload", report: Callable[[str], object]) -> None:
        self.api, self.repo_id, self.upload, self._report = api, repo_id, upload, report
        self.doing = ""
        self._start = time.monotonic()
        self._where: dict[str, Any] = {"repo_id": repo_id, "repo_type": "dataset"}
        self._message = _MESSAGE.format(n_works=upload.n_works, tag=upload.tag)

    def run(self, back: Path) -> tuple[str, bool]:
        """All steps; returns the commit of ``main`` and whether it is a new one.

        Args:
            back: an empty folder for what is downloaded again.
        """
        api, upload = self.api, self.upload
        self._step("opening the repository")
        retry(lambda: api.create_repo(**self._where, exist_ok=True))
        before = self._head(MAIN)
        try:
            self._step(f"making the branch {BRANCH}")
            self._drop_branch()
            retry(lambda: api.create_branch(**self._where, branch=BRANCH, revision=before, exist_ok=True))
            staged = self._stage(before)
            self._step("downloading it again and comparing")
            self._check(staged, back)
            self._step(f"setting the tag {upload.tag}")
            is_tagged = self._tag(staged)
            try:
                after = self._take_over(staged, before)
            except BaseException:
                if is_tagged:
                    with suppress(Exception):
                        api.delete_tag(**self._where, tag=upload.tag)
                raise
        finally:
            self._drop_branch()
        self._tell(f"published: {MAIN} is {after[:12]}" + ("" if after != before else ", as it was"))
        return after, after != before

    def _stage(self, before: str) -> str:
        """Everything in one commit on the branch; returns it."""
        upload = self.upload
        self._step(f"uploading {len(upload.names)} files, {upload.n_bytes:,} bytes")
        additions = [CommitOperationAdd(name, upload.folder / name) for name in upload.names]
        # Each file is sent again by huggingface_hub itself where a fault passes.
        self.api.preupload_lfs_files(
            self.repo_id, additions, repo_type="dataset", revision=BRANCH, free_memory=False
        )
        self._step(f"committing to the branch {BRANCH}")
        return self._commit(BRANCH, [*additions, *self._list_stale(before)], before)

    def _take_over(self, staged: str, before: str) -> str:
        """The same files on ``main`` in one commit; returns it."""
        self._step(f"committing to {MAIN}")
        copies = [CommitOperationCopy(name, name, src_revision=staged) for name in self.upload.names]
        return self._commit(MAIN, [*copies, *self._list_stale(before)], before)

    def _list_stale(self, revision: str) -> list[CommitOperationDelete]:
        """Data files of the version before that the new one does not have; other files are not ours."""
        there = self.api.list_repo_files(**self._where, revision=revision)
        data = [name for name in there if name == WORKS or fnmatch(name, SHARDS)]
        stale = [name for name in data if name not in self.upload.names]
        return [CommitOperationDelete(name) for name in stale]

    def _commit(self, branch: str, operations: Sequence[Any], parent: str) -> str:
        """A commit on top of ``parent``, and of nothing else: no one's work is overwritten unseen."""

        def commit() -> str:
            info = self.api.create_commit(
                **self._where,
                operations=list(operations),
                commit_message=self._message,
                revision=branch,
                parent_commit=parent,
            )
            return str(info.oid)

        try:
            return retry(commit)
        except HfHubHTTPError:
            # When only the answer was lost, the second try finds a parent that has moved on.
            head = self._head(branch)
            if head != parent and self._holds_upload(head):
                return head
            raise

    def _holds_upload(self, revision: str) -> bool:
        """Whether a commit has exactly the files of the upload, by the hashes that the Hub gives."""
        tree = {entry.path: entry for entry in self.api.list_repo_tree(**self._where, revision=revision)}
        for path in (self.upload.folder / name for name in self.upload.names):
            entry = tree.get(path.name)
            if not isinstance(entry, RepoFile):
                return False
            own = digest(path) if entry.lfs else git_hash(path.read_bytes())
            if own != (entry.lfs.sha256 if entry.lfs else entry.blob_id):
                return False
        return not self._list_stale(revision)

    def _check(self, commit: str, back: Path) -> None:
        from builders.upload import compare

        self.api.snapshot_download(
            **self._where, revision=commit, allow_patterns=list(self.upload.names), local_dir=back
        )
        compare(self.upload, back)
        self._tell(f"the same {len(self.upload.names)} files and {self.upload.n_works:,} rows came back")

    def _tag(self, commit: str) -> bool:
        """Name the version; whether the name is new."""
        refs = self.api.list_repo_refs(**self._where)
        if any(tag.name == self.upload.tag for tag in refs.tags):
            return False
        retry(lambda: self.api.create_tag(**self._where, tag=self.upload.tag, revision=commit, exist_ok=True))
        return True

    def _drop_branch(self) -> None:
        with suppress(Exception):  # it may not be there, and left over it harms no one
            self.api.delete_branch(**self._where, branch=BRANCH)

    def _head(self, branch: str) -> str:
        return str(retry(lambda: self.api.repo_info(**self._where, revision=branch)).sha)

    def _step(self, doing: str) -> None:
        self.doing = doing
        self._tell(doing)

    def _tell(self, line: str) -> None:
        self._report(f"[{time.monotonic() - self._start:6.1f} s] {line}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Publish a discovery dataset on the Hugging Face Hub.")
    parser.add_argument("repo_id", metavar="OWNER/NAME", help="of the dataset on the Hub")
    parser.add_argument("--folder", type=Path, default=DISCOVERY_DIR, help="of the dataset")
    parser.add_argument("--model", type=Path, default=MODEL_DIR, help="folder of the model that analysed it")
    given = parser.parse_args(arguments)
    try:
        print(f"Published: {publish(given.folder, given.repo_id, report=print, model=given.model)}")
    except (LexiMindError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"Stopped; {MAIN} on the Hub is as it was or complete.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
