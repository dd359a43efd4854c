"""A server that speaks the part of the Hugging Face Hub's protocol that publishing and loading need.

It keeps commits, branches, tags and LFS objects as the Hub does: a commit is taken whole or not at all, its
parent must be the head, and an LFS file must have been uploaded before. Any request can be made to fail.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

OWNER = "someone"
TOKENS = {"hf_write": "write", "hf_read": "read"}


@dataclass(frozen=True)
class Blob:
    data: bytes
    is_lfs: bool

    @property
    def oid(self) -> str:
        """As git names it; an LFS file by its pointer."""
        content = self.data
        if self.is_lfs:
            content = (
                f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(content)}\n"
            ).encode()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass
class Repository:
    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def find(self, revision: str) -> str | None:
        """The commit of a branch, a tag or a commit's own name."""
        known = self.branches | self.tags
        return known.get(revision) or (revision if revision in self.commits else None)

    def commit(self, files: dict[str, Blob], branch: str) -> str:
        name = hashlib.sha1(f"{len(self.commits)} {branch}".encode()).hexdigest()
        self.commits[name] = files
        self.branches[branch] = name
        return name


@dataclass
class Fault:
    """What happens to requests whose ``METHOD path`` matches.

    Attributes:
        status: the answer; 0 drops the connection, after the request was carried out when ``is_late``.
        times: to so many requests.
    """

    pattern: str
    status: int
    times: int = 10**6
    is_late: bool = False
    skip: int = 0


class Hub:
    """The state of the server, and its faults."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.log: list[str] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        self.endpoint = ""
        self.damage: Callable[[bytes], bytes] | None = None
        self.hooks: list[tuple[str, Callable[[], None]]] = []

    def fault(self, request: str) -> Fault | None:
        """The fault that hits a request."""
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.pattern, request):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def reset(self) -> None:
        """No faults any more, and an empty log."""
        self.faults, self.hooks, self.log, self.damage = [], [], [], None

    def main(self, repo_id: str) -> dict[str, bytes]:
        """What readers see."""
        repository = self.repositories[repo_id]
        files = repository.commits[repository.branches["main"]]
        return {name: blob.data for name, blob in files.items()}


class Answer(Exception):  # noqa: N818 - an answer is no error
    """An answer from deep inside."""

    def __init__(self, status: int, content: Any = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.content, self.headers = status, content, headers or {}


def refuse(status: int, message: str, code: str = "") -> Answer:
    return Answer(status, {"error": message}, {"X-Error-Code": code, "X-Error-Message": message})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        request = f"{self.command} {path}"
        with self.hub.lock:
            for hook in [one for one in self.hub.hooks if re.search(one[0], request)]:
                self.hub.hooks.remove(hook)
                hook[1]()
            fault = self.hub.fault(request)
            self.hub.log.append(request + (f" -> {fault.status or 'dropped'}" if fault else ""))
            if fault and not fault.is_late:
                answer = refuse(fault.status, "Injected.") if fault.status else None
            else:
                try:
                    raise self.route(path, body)
                except Answer as given:
                    answer = None if fault else given
        if answer is None:
            self.close_connection = True
            self.connection.close()
            return
        self.send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve  # noqa: N815

    def send(self, answer: Answer) -> None:
        content = answer.content
        if not isinstance(content, bytes):
            content = json.dumps({} if content is None else content).encode()
        status, headers = answer.status, dict(answer.headers)
        headers.setdefault("Content-Type", "application/json")
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted and status == 200:
            start, stop = int(wanted[1]), int(wanted[2] or len(content) - 1) + 1
            headers["Content-Range"] = f"bytes {start}-{min(stop, len(content)) - 1}/{len(content)}"
            status, content = 206, content[start:stop]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def route(self, path: str, body: bytes) -> Answer:
        for pattern, method in ROUTES:
            if found := re.fullmatch(pattern, f"{self.command} {path}"):
                return method(self, body, **found.groupdict())
        return refuse(404, f"No such page: {path}.")

    def role(self) -> str:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in TOKENS:
            raise refuse(401, "Invalid username or password.")
        return TOKENS[token]

    def open(self, repo: str, *, to_write: bool = False) -> Repository:
        if to_write and self.role() != "write":
            raise refuse(403, "Forbidden: your token may not write here.")
        if repo not in self.hub.repositories:
            raise refuse(404, "Repository not found", "RepoNotFound")
        return self.hub.repositories[repo]

    def files(self, repo: str, revision: str) -> tuple[str, dict[str, Blob]]:
        repository = self.open(repo)
        if (commit := repository.find(revision)) is None:
            raise refuse(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit, repository.commits[commit]

    def who(self, body: bytes) -> Answer:
        auth = {"accessToken": {"role": self.role()}}
        return Answer(200, {"type": "user", "name": OWNER, "orgs": [{"name": "club"}], "auth": auth})

    def create(self, body: bytes) -> Answer:
        if self.role() != "write":
            return refuse(403, "Forbidden: your token may not write here.")
        given = json.loads(body)
        repo = f"{given.get('organization') or OWNER}/{given['name']}"
        url = {"url": f"{self.hub.endpoint}/datasets/{repo}"}
        if repo in self.hub.repositories:
            return Answer(409, url | {"error": "You already created this dataset repo"})
        self.hub.repositories[repo] = repository = Repository()
        repository.commit({".gitattributes": Blob(b"*.parquet filter=lfs\n", False)}, "main")
        return Answer(200, url)

    def info(self, body: bytes, repo: str, revision: str | None = None) -> Answer:
        commit, files = self.files(repo, revision or "main")
        siblings = [{"rfilename": name} for name in sorted(files)]
        about = {"private": False, "siblings": siblings, "tags": [], "downloads": 0}
        return Answer(200, {"id": repo, "sha": commit} | about)

    def tree(self, body: bytes, repo: str, revision: str) -> Answer:
        return Answer(200, [describe(*item) for item in sorted(self.files(repo, revision)[1].items())])

    def paths(self, body: bytes, repo: str, revision: str) -> Answer:
        wanted = parse_qs(body.decode()).get("paths", []) if body[:1] != b"{" else json.loads(body)["paths"]
        files = self.files(repo, revision)[1]
        return Answer(200, [describe(name, files[name]) for name in wanted if name in files])

    def refs(self, body: bytes, repo: str) -> Answer:
        repository = self.open(repo)
        kinds = {"branches": repository.branches, "tags": repository.tags}
        return Answer(
            200,
            {
                what: [
                    {"name": name, "ref": f"refs/{what}/{name}", "targetCommit": commit}
                    for name, commit in known.items()
                ]
                for what, known in kinds.items()
            }
            | {"converts": []},
        )

    def branch(self, body: bytes, repo: str, name: str) -> Answer:
        repository, given = self.open(repo, to_write=True), json.loads(body or b"{}")
        if name in repository.branches:
            return refuse(409, "Reference already exists")
        repository.branches[name] = self.files(repo, given.get("startingPoint") or "main")[0]
        return Answer(200)

    def tag(self, body: bytes, repo: str, name: str) -> Answer:
        repository, given = self.open(repo, to_write=True), json.loads(body)
        if given["tag"] in repository.tags:
            return refuse(409, "Reference already exists")
        repository.tags[given["tag"]] = self.files(repo, name)[0]
        return Answer(200)

    def drop(self, body: bytes, repo: str, what: str, name: str) -> Answer:
        repository = self.open(repo, to_write=True)
        known = repository.branches if what == "branch" else repository.tags
        return Answer(200) if known.pop(name, None) else refuse(404, "No such reference", "RevisionNotFound")

    def check_yaml(self, body: bytes) -> Answer:
        content = json.loads(body)["content"]
        if not content.startswith("---\n") or "\n---\n" not in content:
            return Answer(400, {"errors": [{"message": "no front matter"}], "warnings": []})
        return Answer(200, {"errors": [], "warnings": []})

    def preupload(self, body: bytes, repo: str, revision: str) -> Answer:
        files = self.files(repo, revision)[1]
        self.open(repo, to_write=True)
        answers = []
        for given in json.loads(body)["files"]:
            mode = "lfs" if given["path"].endswith(".parquet") or given["size"] > 10_000_000 else "regular"
            one = {"path": given["path"], "uploadMode": mode, "shouldIgnore": False}
            if blob := files.get(given["path"]):
                one["oid"] = blob.sha256 if blob.is_lfs else blob.oid
            answers.append(one)
        return Answer(200, {"files": answers})

    def batch(self, body: bytes, repo: str) -> Answer:
        self.open(repo, to_write=True)
        objects = []
        for given in json.loads(body)["objects"]:
            one: dict[str, Any] = {"oid": given["oid"], "size": given["size"]}
            if given["oid"] not in self.hub.objects:
                place = f"{self.hub.endpoint}/lfs/{given['oid']}"
                one["actions"] = {"upload": {"href": place}, "verify": {"href": f"{place}/verify"}}
            objects.append(one)
        return Answer(200, {"transfer": "basic", "objects": objects})

    def put(self, body: bytes, oid: str) -> Answer:
        if hashlib.sha256(body).hexdigest() != oid:
            return refuse(400, "The content does not have this hash.")
        self.hub.objects[oid] = body
        return Answer(200)

    def verify(self, body: bytes, oid: str) -> Answer:
        return Answer(200) if oid in self.hub.objects else refuse(404, "No such object")

    def commit(self, body: bytes, repo: str, revision: str) -> Answer:
        repository = self.open(repo, to_write=True)
        if revision not in repository.branches:
            return refuse(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        head = repository.branches[revision]
        files = dict(repository.commits[head])
        for line in map(json.loads, body.splitlines()):
            what, value = line["key"], line["value"]
            if what == "header" and value.get("parentCommit") not in (None, head):
                return refuse(412, "A commit has happened since. Please refresh and try again.")
            if what == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            elif what == "lfsFile":
                if value["oid"] not in self.hub.objects:
                    return refuse(400, f"LFS pointer to a file that was not uploaded: {value['path']}")
                files[value["path"]] = Blob(self.hub.objects[value["oid"]], True)
            elif what == "deletedFile" and files.pop(value["path"], None) is None:
                return refuse(404, "A file with this name doesn't exist", "EntryNotFound")
        name = repository.commit(files, revision)
        url = f"{self.hub.endpoint}/datasets/{repo}/commit/{name}"
        return Answer(200, {"success": True, "commitOid": name, "commitUrl": url, "hookOutput": ""})

    def resolve(self, body: bytes, repo: str, revision: str, name: str) -> Answer:
        commit, files = self.files(repo, revision)
        if name not in files:
            return refuse(404, "Entry not found", "EntryNotFound") if files else refuse(404, "")
        blob = files[name]
        data = self.hub.damage(blob.data) if self.hub.damage else blob.data
        etag = blob.sha256 if blob.is_lfs else blob.oid
        return Answer(
            200,
            data,
            {
                "X-Repo-Commit": commit,
                "ETag": f'"{etag}"',
                "X-Linked-Etag": f'"{etag}"',
                "X-Linked-Size": str(len(blob.data)),
                "Content-Type": "application/octet-stream",
                "Accept-Ranges": "bytes",
            },
        )


def describe(name: str, blob: Blob) -> dict[str, Any]:
    plain: dict[str, Any] = {"type": "file", "path": name, "size": len(blob.data), "oid": blob.oid}
    if blob.is_lfs:
        plain["lfs"] = {"oid": blob.sha256, "size": len(blob.data), "pointerSize": 130}
    return plain


_REPO = r"(?P<repo>[^/]+/[^/]+)"
_API = rf"/api/datasets/{_REPO}"
ROUTES: list[tuple[str, Callable[..., Answer]]] = [
    (r"GET /api/whoami-v2", Handler.who),
    (r"POST /api/repos/create", Handler.create),
    (r"POST /api/validate-yaml", Handler.check_yaml),
    (rf"GET {_API}", Handler.info),
    (rf"GET {_API}/revision/(?P<revision>.+)", Handler.info),
    (rf"GET {_API}/tree/(?P<revision>[^/]+)/?", Handler.tree),
    (rf"POST {_API}/paths-info/(?P<revision>[^/]+)", Handler.paths),
    (rf"GET {_API}/refs", Handler.refs),
    (rf"POST {_API}/branch/(?P<name>[^/]+)", Handler.branch),
    (rf"POST {_API}/tag/(?P<name>[^/]+)", Handler.tag),
    (rf"DELETE {_API}/(?P<what>branch|tag)/(?P<name>[^/]+)", Handler.drop),
    (rf"POST {_API}/preupload/(?P<revision>[^/]+)", Handler.preupload),
    (rf"POST {_API}/commit/(?P<revision>[^/]+)", Handler.commit),
    (rf"POST /datasets/{_REPO}\.git/info/lfs/objects/batch", Handler.batch),
    (r"PUT /lfs/(?P<oid>[0-9a-f]{64})", Handler.put),
    (r"POST /lfs/(?P<oid>[0-9a-f]{64})/verify", Handler.verify),
    (rf"(?:GET|HEAD) /datasets/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<name>.+)", Handler.resolve),
]


@contextmanager
def running() -> Iterator[Hub]:
    """A hub on the loopback address, until the block ends."""
    hub = Hub()
    handler = type("HubHandler", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
