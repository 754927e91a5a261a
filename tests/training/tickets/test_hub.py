"""Tickets are read by their hub id, through the client of ``datasets`` and a small hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.training.tickets.making import make_rows, write_rows

_COMMIT = "a" * 40
_BLOB = "b" * 40


class _Hub(BaseHTTPRequestHandler):
    """Answers for one data set, ``someone/tickets``, with one file."""

    content: bytes

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = self.path.split("?")[0]
        repository = "/api/datasets/someone/tickets"
        if path in (repository, f"{repository}/revision/{_COMMIT}"):
            files = [{"rfilename": "tickets.csv"}]
            self.send_json({"id": "someone/tickets", "sha": _COMMIT, "siblings": files})
        elif path == f"{repository}/tree/{_COMMIT}":
            size = len(self.content)
            self.send_json([{"type": "file", "oid": _BLOB, "size": size, "path": "tickets.csv"}])
        elif path == f"/datasets/someone/tickets/resolve/{_COMMIT}/tickets.csv":
            self.send(200, self.content, {"ETag": f'"{_BLOB}"', "X-Repo-Commit": _COMMIT})
        else:
            code = "EntryNotFound" if "someone/tickets" in path else "RepoNotFound"
            self.send(404, b"{}", {"X-Error-Code": code})

    def send_json(self, data: object) -> None:
        self.send(200, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which the hub is one on this machine."""
    content = write_rows(tmp_path / "tickets.csv", make_rows(60)).read_bytes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Hub", (_Hub,), {"content": content}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        **{name: value for name, value in os.environ.items() if not name.endswith("OFFLINE")},
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "cache"),
        "NO_PROXY": "127.0.0.1",
    }
    server.shutdown()
    server.server_close()


def _validate(source: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", "validate", source]
    return subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8")


def test_tickets_are_read_by_their_hub_id(hub: dict[str, str]) -> None:
    finished = _validate("someone/tickets", hub)
    assert finished.returncode == 0, finished.stderr
    assert "someone/tickets: 60 messages" in finished.stdout


def test_an_unknown_hub_id_is_one_clear_sentence(hub: dict[str, str]) -> None:
    finished = _validate("nobody/nothing", hub)
    assert finished.returncode == 1
    assert "there is no such path, and the hub id nobody/nothing cannot be read" in finished.stderr
    assert "Traceback" not in finished.stderr
