"""Publishing against a hub on the loopback address: what readers see is a whole version at every moment.

``python tests/test_publish.py [FOLDER]`` shows the log of two pushes with each request.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import MODEL_NAME, SHELF, row
from hub import OWNER, Fault, Hub, running
from hub_client import Client, EndedError
from huggingface_hub import constants

from leximind.labels import EMOTIONS
from leximind.library.store import write_discovery
from leximind.library.work import SCHEMA

DAY = "2026-01-31"


def write_version(folder: Path, rows: list[dict[str, Any]]) -> Path:
    write_discovery(pa.Table.from_pylist(rows, schema=SCHEMA), folder, model=MODEL_NAME, built_at=DAY)
    return folder


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two versions of a dataset; the second lacks a work and has another that is new."""
    folder = tmp_path_factory.mktemp("versions")
    rows = [row(entry, number) for number, entry in enumerate(SHELF)]
    new = rows[0] | {"id": "moby-dick-2", "title": "Moby-Dick | [again] <b>"}
    return write_version(folder / "one", rows), write_version(folder / "two", [*rows[1:], new])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Client]]:
    with running() as hub:
        client = Client(hub.endpoint, tmp_path_factory.mktemp("home"))
        yield hub, client
        client.close()


@pytest.fixture
def hub(world: tuple[Hub, Client]) -> Iterator[Hub]:
    world[0].reset()
    yield world[0]
    world[0].reset()


@pytest.fixture
def client(world: tuple[Hub, Client]) -> Client:
    return world[1]


@pytest.fixture
def repo(request: pytest.FixtureRequest) -> str:
    name = "".join(sign if sign.isalnum() else "-" for sign in request.node.name)
    return f"{OWNER}/{name.replace('--', '-').strip('-')[:80]}"


def publish(client: Client, folder: Path, repo: str, **options: Any) -> dict[str, Any]:
    done = client.ask("publish", folder=str(folder), repo=repo, **options)
    assert "error" not in done, done["error"]
    return done


def read(folder: Path) -> pa.Table:
    return pq.read_table(folder / "works.parquet")


def load(client: Client, repo: str, home: Path, revision: str = "main") -> pa.Table:
    """The rows as a stranger gets them with ``load_dataset``."""
    home.mkdir()
    answer = client.ask("load", repo=repo, home=str(home), revision=revision)
    assert "error" not in answer, answer
    return pq.read_table(answer["path"]).cast(SCHEMA)


def version(folder: Path) -> str:
    return str(json.loads((folder / "manifest.json").read_text())["version"])


def test_two_pushes_and_back(
    hub: Hub, client: Client, repo: str, versions: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = versions
    first = publish(client, one, repo)
    assert load(client, repo, tmp_path / "a").equals(read(one))
    second = publish(client, two, repo)
    assert load(client, repo, tmp_path / "b").equals(read(two))
    assert load(client, repo, tmp_path / "c", revision=first["tag"]).equals(read(one)), "versions stay"
    assert load(client, repo, tmp_path / "d", revision=second["tag"]).equals(read(two))

    repository = hub.repositories[repo]
    assert (first["tag"], second["tag"]) == (f"v{version(one)}", f"v{version(two)}")
    assert set(repository.tags) == {first["tag"], second["tag"]}
    assert set(repository.branches) == {"main"}, "the branch for publishing is gone"
    assert repository.branches["main"] == second["commit"]
    for tag in repository.tags.values():
        assert "README.md" in repository.commits[tag]
    assert repository.commits[repository.tags[second["tag"]]] == repository.commits[second["commit"]]
    assert sum(line.endswith("/commit/main") for line in hub.log) == 2, "one commit a version"
    assert hub.main(repo)["works.parquet"] == (two / "works.parquet").read_bytes()

    app = client.ask("library", repo=repo)
    assert (app["note"], app["version"]) == ("", version(two))
    assert app["ids"] == read(two).column("id").to_pylist()


def test_the_same_version_again_changes_nothing(
    hub: Hub, client: Client, repo: str, versions: tuple[Path, Path]
) -> None:
    first = publish(client, versions[0], repo)
    hub.log.clear()
    again = publish(client, versions[0], repo)
    assert first["is_new"] and not again["is_new"]
    assert again["commit"] == first["commit"]
    assert not [line for line in hub.log if "/commit/" in line or line.startswith("PUT")]


def test_a_large_dataset_goes_up_in_shards(
    hub: Hub, client: Client, repo: str, versions: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = versions
    publish(client, one, repo)
    size = (two / "works.parquet").stat().st_size
    publish(client, two, repo, max_shard=size // 3)
    shards = [name for name in hub.main(repo) if name.endswith(".parquet")]
    assert shards == [f"works-{number:05d}-of-00004.parquet" for number in range(4)]
    assert load(client, repo, tmp_path / "a").equals(read(two))
    app = client.ask("library", repo=repo)
    assert (app["note"], app["version"]) == ("", version(two))
    assert app["ids"] == read(two).column("id").to_pylist()
    publish(client, one, repo)
    assert [name for name in hub.main(repo) if name.endswith(".parquet")] == ["works.parquet"]
    assert load(client, repo, tmp_path / "b").equals(read(one))


def test_files_of_others_stay(hub: Hub, client: Client, repo: str, versions: tuple[Path, Path]) -> None:
    publish(client, versions[0], repo)
    repository = hub.repositories[repo]
    head = repository.commits[repository.branches["main"]]
    repository.commit(head | {"NOTES.md": head["README.md"], "workshop.parquet": head["README.md"]}, "main")
    publish(client, versions[1], repo)
    assert {"NOTES.md", "workshop.parquet", ".gitattributes"} <= set(hub.main(repo))


STEPS = {
    "who": r"GET /api/whoami-v2",
    "head": r"GET /api/datasets/.+/revision/main",
    "branch": r"POST /api/datasets/.+/branch/publishing",
    "preupload": r"POST /api/datasets/.+/preupload/publishing",
    "batch": r"POST /datasets/.+/objects/batch",
    "put": r"PUT /lfs/",
    "verify": r"POST /lfs/.+/verify",
    "card": r"POST /api/validate-yaml",
    "stage": r"POST /api/datasets/.+/commit/publishing",
    "tree": r"GET /api/datasets/.+/tree/",
    "download": r"GET /datasets/.+/resolve/.+/works\.parquet",
    "refs": r"GET /api/datasets/.+/refs",
    "tag": r"POST /api/datasets/.+/tag/",
    "paths": r"POST /api/datasets/.+/paths-info/",
    "publish": r"POST /api/datasets/.+/commit/main",
}


@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_leaves_the_published_version_as_it_was(
    hub: Hub, client: Client, repo: str, versions: tuple[Path, Path], step: str
) -> None:
    one, two = versions
    publish(client, one, repo)
    hub.objects.clear()
    repository, before = hub.repositories[repo], hub.main(repo)
    branches, tags = dict(repository.branches), dict(repository.tags)
    hub.faults = [Fault(STEPS[step], 403)]
    failed = client.ask("publish", folder=str(two), repo=repo)
    assert failed["type"] in ("PublishError", "InputError")
    assert "Injected" in failed["error"] or "403" in failed["error"], failed["error"]
    assert repo in failed["error"] or step == "who"
    assert "token" in failed["error"], "it says what to do"
    assert hub.main(repo) == before
    assert (repository.branches, repository.tags) == (branches, tags)
    hub.faults = []
    publish(client, two, repo)
    assert hub.main(repo)["works.parquet"] == (two / "works.parquet").read_bytes()
    assert set(repository.tags) == {f"v{version(one)}", f"v{version(two)}"}


@pytest.mark.parametrize("step", ["head", "branch", "stage", "tag", "publish"])
def test_a_fault_that_passes_is_waited_for(
    hub: Hub, client: Client, repo: str, versions: tuple[Path, Path], step: str
) -> None:
    hub.faults = [Fault(STEPS[step], 503, times=2), Fault(STEPS[step], 0, times=1)]
    publish(client, versions[0], repo)
    assert hub.main(repo)["works.parquet"] == (versions[0] / "works.parquet").read_bytes()
    hits = [line for line in hub.log if line.endswith(("-> 503", "-> dropped"))]
    assert len(hits) == 3


def test_a_repository_that_cannot_be_made(
    hub: Hub, client: Client, repo: str, versions: tuple[Path, Path]
) -> None:
    hub.faults = [Fault(r"POST /api/repos/create", 403)]
    failed = client.ask("publish", folder=str(versions[0]), repo=repo)
    assert "opening the repository" in failed["error"] and "may not write" in failed["error"]
    assert repo not in hub.repositories
    hub.faults = []
    publish(client, versions[0], repo)
    hub.faults = [Fault(r"POST /api/repos/create", 403)]  # a token for this repository alone
    publish(client, versions[1], repo)


def test_an_upload_is_sent_again(hub: Hub, client: Client, repo: str, versions: tuple[Path, Path]) -> None:
    hub.objects.clear()
    hub.faults = [Fault(STEPS["put"], 500, times=1)]
    publish(client, versions[0], repo)
    assert [line.split()[0] for line in hub.log if " /lfs/" in line] == ["PUT", "PUT", "POST"]


def test_a_hub_that_stays_broken_is_given_up(
    hub: Hub, client: Client, repo: str, versions: tuple[Path, Path]
) -> None:
    publish(client, versions[0], repo)
    before = hub.main(repo)
    hub.faults = [Fault(STEPS["publish"], 500)]
    failed = client.ask("publish", folder=str(versions[1]), repo=repo)
    assert "committing to main" in failed["error"]
    assert "not uploaded again" in failed["error"]
    assert hub.main(repo) == before
    assert f"v{version(versions[1])}" not in hub.repositories[repo].tags


@pytest.mark.parametrize("step", ["stage", "publish"])
def test_a_lost_answer_is_no_failure(
    hub: Hub, client: Client, repo: str, versions: tuple[Path, Path], step: str
) -> None:
    publish(client, versions[0], repo)
    n_commits = len(hub.repositories[repo].commits)
    hub.faults = [Fault(STEPS[step], 0, times=1, is_late=True)]
    publish(client, versions[1], repo)
    assert hub.main(repo)["works.parquet"] == (versions[1] / "works.parquet").read_bytes()
    assert len(hub.repositories[repo].commits) == n_commits + 2, "one on the branch and one on main"


def test_what_someone_else_publishes_meanwhile_is_not_overwritten(
    hub: Hub, client: Client, repo: str, versions: tuple[Path, Path]
) -> None:
    publish(client, versions[0], repo)
    repository = hub.repositories[repo]

    def interfere() -> None:
        head = repository.commits[repository.branches["main"]]
        repository.commit(head | {"README.md": head["manifest.json"]}, "main")

    hub.hooks = [(STEPS["tag"], interfere)]
    failed = client.ask("publish", folder=str(versions[1]), repo=repo)
    assert "Someone else published meanwhile" in failed["error"]
    assert hub.main(repo)["README.md"] == hub.main(repo)["manifest.json"]
    assert hub.main(repo)["works.parquet"] == (versions[0] / "works.parquet").read_bytes()
    assert set(repository.branches) == {"main"}
    publish(client, versions[1], repo)


def test_what_comes_back_changed_is_not_published(
    hub: Hub, client: Client, repo: str, versions: tuple[Path, Path]
) -> None:
    publish(client, versions[0], repo)
    before = hub.main(repo)
    hub.damage = lambda data: data[:-1] + bytes([data[-1] ^ 1])
    failed = client.ask("publish", folder=str(versions[1]), repo=repo)
    assert failed["type"] == "PublishError"
    assert "did not come back" in failed["error"]
    assert hub.main(repo) == before
    assert set(hub.repositories[repo].branches) == {"main"}


@pytest.mark.parametrize("step", ["put", "download"])
def test_a_killed_push_is_repeated(
    world: tuple[Hub, Client], repo: str, versions: tuple[Path, Path], tmp_path: Path, step: str
) -> None:
    hub, client = world
    hub.reset()
    publish(client, versions[0], repo)
    before = hub.main(repo)
    hub.objects.clear()
    doomed = Client(hub.endpoint, tmp_path / "home")
    hub.hooks = [(STEPS[step], doomed.kill)]
    with pytest.raises(EndedError):
        doomed.ask("publish", folder=str(versions[1]), repo=repo)
    doomed.close()
    assert hub.main(repo) == before
    assert "publishing" in hub.repositories[repo].branches
    publish(client, versions[1], repo)
    assert hub.main(repo)["works.parquet"] == (versions[1] / "works.parquet").read_bytes()
    assert set(hub.repositories[repo].branches) == {"main"}


def test_the_card(hub: Hub, client: Client, repo: str, versions: tuple[Path, Path], tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "profile.json").write_text(json.dumps({"name": MODEL_NAME}))
    macro = {"model": 0.52, "low": 0.49, "high": 0.55, "majority": 0.018}
    (model / "metrics.json").write_text(json.dumps({"Emotion": {"macro_f1": macro, "loss": {"model": 1.0}}}))
    publish(client, versions[1], repo, model=str(model))
    _, front, body = hub.main(repo)["README.md"].decode().split("---\n", 2)
    data = yaml.safe_load(front)
    assert data["language"] == ["en"] and data["license"] == "other"
    assert data["size_categories"] == "n<1K"
    assert data["configs"] == [{"config_name": "default", "data_files": "works.parquet"}]
    assert data["dataset_info"]["splits"][0]["num_examples"] == len(SHELF)
    assert [feature["name"] for feature in data["dataset_info"]["features"]] == SCHEMA.names
    for expected in (
        f'load_dataset("{repo}", split="train")',
        f'revision="v{version(versions[1])}"',
        "| book | 21 |",
        "| Fiction | 8 |",
        "| 500-401 BC | 1 |",
        "| without a year | 1 |",
        "| admiration | 5 |",
        "| nothing stands out | 6 |",
        "| description | 10 |",
        f"`{MODEL_NAME}`",
        "| Emotion | macro f1 | **0.520** | 0.490 to 0.550 | majority 0.018 |",
        "| Project Gutenberg | Public domain in the USA | 21 |",
        ", ".join(EMOTIONS),
    ):
        assert expected in body, expected
    assert all(f"| `{name}` |" in body for name in SCHEMA.names)
    (model / "profile.json").write_text(json.dumps({"name": "another model"}))
    publish(client, versions[1], repo, model=str(model))
    body = hub.main(repo)["README.md"].decode()
    assert "0.520" not in body and "Nothing was measured" in body


def test_a_folder_that_is_not_whole_is_not_published(
    hub: Hub, client: Client, repo: str, versions: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(versions[0], folder)
    shutil.copy(versions[1] / "works.parquet", folder)
    failed = client.ask("publish", folder=str(folder), repo=repo)
    assert "Build the dataset again" in failed["error"]
    (folder / "works.parquet").unlink()
    assert "missing" in client.ask("publish", folder=str(folder), repo=repo)["error"]
    assert "manifest.json is missing" in client.ask("publish", folder=str(tmp_path), repo=repo)["error"]
    assert repo not in hub.repositories
    assert {line for line in hub.log if not line.startswith("GET")} == set()


@pytest.mark.parametrize(
    ("token", "name", "message"),
    [
        ("hf_write", "someone/shelf", ""),
        ("hf_write", "Club/shelf", ""),
        ("hf_write", "else/shelf", "cannot publish as else"),
        ("hf_write", "shelf", "OWNER/NAME was expected"),
        ("hf_write", "../x", "OWNER/NAME was expected"),
        ("hf_read", "someone/shelf", "may only read"),
        ("hf_gone", "someone/shelf", "not valid"),
    ],
)
def test_access_is_known_before_a_long_build(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, token: str, name: str, message: str
) -> None:
    from builders import hub as module

    monkeypatch.setattr(module, "WAITS", ())
    monkeypatch.setattr(module, "get_token", lambda: token)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # this Hub is here, also for who works offline
    api = module.HfApi
    monkeypatch.setattr(module, "HfApi", lambda: api(endpoint=hub.endpoint, token=token))
    if not message:
        module.check_access(name)
        return
    with pytest.raises(module.InputError, match=message):
        module.check_access(name)


def test_access_without_a_token_or_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    from builders import hub as module

    monkeypatch.setattr(module, "WAITS", (0.0,))
    monkeypatch.setattr(module, "get_token", lambda: None)
    with pytest.raises(module.InputError, match="no Hugging Face token"):
        module.check_access("someone/shelf")
    monkeypatch.setattr(module, "get_token", lambda: "hf_write")
    api = module.HfApi
    monkeypatch.setattr(module, "HfApi", lambda: api(endpoint="http://127.0.0.1:9", token="hf_write"))
    with pytest.raises(module.PublishError, match="cannot be reached"):
        module.check_access("someone/shelf")


def show(folder: Path | None) -> None:
    """Two pushes of a dataset to a hub on the loopback address, told step by step."""

    def say(*lines: str, sep: str = "\n") -> None:
        sys.stdout.write(f"{sep.join(lines)}\n")

    with tempfile.TemporaryDirectory() as name, running() as hub:
        place = Path(name)
        if folder is None:
            rows = [row(entry, number) for number, entry in enumerate(SHELF)]
            folder = write_version(place / "one", rows)
        fewer = read(folder).slice(1)
        model = json.loads((folder / "manifest.json").read_text())["model"]
        write_discovery(fewer, place / "two", model=model)
        client = Client(hub.endpoint, place / "home")
        for number, version_folder in enumerate((folder, place / "two", place / "two")):
            hub.log.clear()
            done = publish(client, version_folder, f"{OWNER}/discovery")
            back = load(client, f"{OWNER}/discovery", place / f"back{number}")
            say(f"Push {number + 1}", *done["log"], f"Published: {done['text']}", sep="\n  ")
            say("  requests:", *hub.log, sep="\n    ")
            say(f"  load_dataset gives {len(back)} rows; equal: {back.equals(read(version_folder))}\n")
        hub.faults = [Fault(STEPS["publish"], 403)]
        failed = client.ask("publish", folder=str(folder), repo=f"{OWNER}/discovery")
        back = load(client, f"{OWNER}/discovery", place / "after")
        say("A push that the Hub refuses at the last step", failed["error"], sep="\n  ")
        say(f"  load_dataset gives {len(back)} rows; the version before: {back.equals(fewer)}")
        client.close()


if __name__ == "__main__":
    show(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
