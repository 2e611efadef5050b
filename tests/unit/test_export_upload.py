"""Exports go to the hub: here one on localhost that speaks what huggingface_hub asks it."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts.common.provenance import REPOSITORY

pytestmark = pytest.mark.skipif(
    find_spec("huggingface_hub") is None, reason="huggingface_hub is not installed (workflow/envs/export.yaml)"
)

TOKEN = "hf_a-secret-that-is-in-no-log"
CARD = "---\nlicense: other\nlicense_name: academic-use-only\ndatasets: [aishell2, aishell1]\n---\n# mine\n"
FILES = {
    "README.md": CARD,
    "parity.json": "{}",
    "config.json": "{}",
    "vocab.json": '{"甲": 0}',
    "model.safetensors": "x" * 5000,
}


class Hub(ThreadingHTTPServer):
    """What was committed, and by whom it was asked."""

    def __init__(self, refuses: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.refuses = refuses
        self.asked: list[str] = []
        self.tokens: set[str] = set()
        self.large: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, content: object = None, status: int = 200) -> None:
        body = json.dumps({} if content is None else content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_POST(self) -> None:
        body, hub = self._body(), self.server
        hub.asked.append(self.path)
        hub.tokens.add(self.headers.get("Authorization", ""))
        if hub.refuses:
            self._answer({"error": f"who is {self.headers['Authorization']}?"}, 403)
        elif self.path == "/api/repos/create":
            self._answer({"url": f"{hub.url}/me/mine", "name": json.loads(body)["name"], "id": "me/mine"})
        elif self.path == "/api/validate-yaml":
            self._answer({"warnings": [], "errors": []})
        elif "/preupload/" in self.path:
            paths = [file["path"] for file in json.loads(body)["files"]]
            modes = {path: "lfs" if path.endswith("safetensors") else "regular" for path in paths}
            files = [{"path": path, "uploadMode": mode, "shouldIgnore": False} for path, mode in modes.items()]
            self._answer({"files": files})
        elif self.path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            actions = {"upload": {"href": f"{hub.url}/large/"}}
            found = [{**o, "actions": {"upload": {"href": actions["upload"]["href"] + o["oid"]}}} for o in objects]
            self._answer({"transfer": "basic", "objects": found})
        elif "/commit/" in self.path:
            self._commit([json.loads(line) for line in body.splitlines()])
        else:
            self._answer({"error": self.path}, 404)

    def _commit(self, lines: list[dict]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.server.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.server.files[value["path"]] = self.server.large[value["oid"]]
        oid = "c" * 40
        self._answer({"commitUrl": f"{self.server.url}/me/mine/commit/{oid}", "commitOid": oid, "success": True})

    def do_PUT(self) -> None:
        body = self._body()
        self.server.large[hashlib.sha256(body).hexdigest()] = body
        self._answer()

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self._answer({"id": "me/mine", "sha": "c" * 40, "siblings": [], "private": False, "tags": []})

    do_HEAD = do_GET


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / ".snakemake_timestamp").touch()
    return folder


def upload(folder: Path, hub: Hub | str, *words: str) -> subprocess.CompletedProcess[str]:
    url = hub if isinstance(hub, str) else hub.url
    settings = {
        "HF_ENDPOINT": url,
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(folder.parent / "home"),
    }
    command = [sys.executable, "-m", "scripts.export.upload", str(folder), "me/mine", *words]
    return subprocess.run(command, cwd=REPOSITORY, env=os.environ | settings, capture_output=True, text=True)


def test_all_files_are_sent_as_one_commit(folder: Path, hub: Hub) -> None:
    done = upload(folder, hub, "--accept-terms")
    assert done.returncode == 0, done.stderr
    assert hub.files == {name: text.encode() for name, text in FILES.items()}
    assert sum("/commit/" in path for path in hub.asked) == 1
    assert hub.tokens == {f"Bearer {TOKEN}"}
    assert TOKEN not in done.stdout + done.stderr and f"{hub.url}/me/mine/commit/" in done.stdout


def test_a_dry_run_lists_and_sends_nothing(folder: Path, hub: Hub) -> None:
    done = upload(folder, hub, "--dry-run")
    assert done.returncode == 0 and hub.asked == []
    assert "5,000  model.safetensors" in done.stdout
    total = sum(len(text.encode()) for text in FILES.values())
    assert f"{total:,}  together" in done.stdout and "academic-use-only" in done.stdout


def test_terms_are_to_be_accepted(folder: Path, hub: Hub) -> None:
    done = upload(folder, hub)
    assert done.returncode == 1 and hub.asked == []
    assert "aishell2, aishell1" in done.stderr and "--accept-terms" in done.stderr


def test_only_exports_are_uploaded(folder: Path, hub: Hub) -> None:
    (folder / "parity.json").unlink()
    done = upload(folder, hub, "--accept-terms")
    assert done.returncode == 1 and hub.asked == []
    assert done.stderr.startswith("error: ") and "has no parity.json" in done.stderr


def test_a_hub_that_refuses_is_a_sentence_without_the_token(folder: Path, hub: Hub) -> None:
    hub.refuses = True
    done = upload(folder, hub, "--accept-terms")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: the hub refuses me/mine with 403: is your token")
    assert TOKEN not in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_a_hub_that_is_not_there_is_a_sentence(folder: Path) -> None:
    done = upload(folder, "http://127.0.0.1:9", "--accept-terms")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: the hub cannot be reached"), done.stderr
