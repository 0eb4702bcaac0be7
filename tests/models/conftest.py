"""A Hub and a package index of our own: a real HTTP server on 127.0.0.1, and a folder of tiny wheels for pip."""

from __future__ import annotations

import hashlib
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rag_faq.models.catalog import CatalogModel, HubPlace, ModelFile, WheelPlace

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class HubServer:
    """What the server has, how it (mis)behaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)  # "owner/repo/file" -> bytes
    etag: str | None = None  # by default the sha256, as for files in large-file storage
    status: int = 200
    silent_head: bool = False
    ranges: bool = True
    break_after: int | None = None  # bytes of a body, then the connection is cut, once
    stall_after: int | None = None  # bytes of a body, then silence, each time
    pause_s: float = 0.0  # after every 64 KiB
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, Range
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def bodies(self) -> list[str | None]:
        """The Range header of every GET."""
        return [asked_range for method, _, asked_range in self.asked if method == "GET"]


def _handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            if hub.silent_head:
                hub.closing.wait(30)
                self.close_connection = True
                return
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            match = re.fullmatch(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)", self.path)
            if match:  # huggingface_hub also asks for things of its own
                hub.asked.append((self.command, self.path, self.headers.get("Range")))
            data = hub.files.get(f"{match['repo']}/{match['file']}") if match else None
            if hub.status != 200 or data is None:
                self.send_response(hub.status if hub.status != 200 else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            begin = 0
            if body and hub.ranges and (asked := self.headers.get("Range")):
                begin = int(asked.removeprefix("bytes=").removesuffix("-"))
                if begin >= len(data):
                    self.send_response(416)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hub.etag or sha256(data)}"')
            self.send_header("Content-Length", str(len(data) - begin))
            self.end_headers()
            if body:
                self._body(data[begin:])

        def _body(self, data: bytes) -> None:
            limit, hub.break_after = hub.break_after, None
            for at in range(0, len(data), 65536):
                piece = data[at : at + 65536]
                if limit is not None and at + len(piece) > limit:
                    self.wfile.write(piece[: limit - at])
                    self.wfile.flush()
                    self.close_connection = True
                    self.connection.close()
                    return
                if hub.stall_after is not None and at >= hub.stall_after:
                    self.wfile.flush()
                    hub.closing.wait(30)
                    self.close_connection = True
                    return
                try:
                    self.wfile.write(piece)
                except OSError:  # the client was killed
                    self.close_connection = True
                    return
                time.sleep(hub.pause_s)

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True

    return Handler


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reaches the real Hub, or sees the user's caches and pip configuration."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf-home" / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub that HF_ENDPOINT points to."""
    state = HubServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", state.url)
    yield state
    state.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class WheelShelf:
    """A folder that pip is pointed to, and to nothing else."""

    folder: Path

    def add(self, name: str, version: str, members: dict[str, bytes]) -> Path:
        """Lay down a wheel with these members."""
        stem = f"{name.replace('-', '_')}-{version}"
        path = self.folder / f"{stem}-py3-none-any.whl"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in members.items():
                archive.writestr(member, data)
            archive.writestr(f"{stem}.dist-info/METADATA", metadata)
            archive.writestr(f"{stem}.dist-info/WHEEL", kind)
            archive.writestr(f"{stem}.dist-info/RECORD", "")
        return path


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WheelShelf:
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return WheelShelf(folder)


@dataclass
class Talk:
    """A Progress that remembers."""

    said: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    bytes: int = 0

    def start(self, title: str, total: int | None, done: int = 0) -> None:
        self.titles.append(title)

    def advance(self, amount: int) -> None:
        self.bytes += amount

    def finish(self) -> None:
        pass

    def say(self, text: str) -> None:
        self.said.append(text)


def gguf_model(data: bytes, *, hub: bool = True, wheels: int = 0, name: str = "tiny") -> CatalogModel:
    """A GGUF model of one file, on the Hub and/or in so many wheels `tiny-part1…`."""
    return CatalogModel(
        name=name,
        role="llm",
        kind="gguf",
        licence="MIT",
        about="A test.",
        files=(ModelFile(path="tiny.gguf", bytes=len(data), sha256=sha256(data)),),
        hub=HubPlace(repo="them/tiny", revision=COMMIT) if hub else None,
        wheels=WheelPlace(
            name="tiny-part{part}",
            version="1.0",
            parts=wheels,
            member="tiny_part{part}/data/part{part:02}.bin",
            holds="pieces",
            bytes=len(data),
        )
        if wheels
        else None,
    )


def lay_pieces(shelf: WheelShelf, data: bytes, parts: int) -> None:
    """The wheels that `gguf_model(wheels=parts)` names; the last piece takes the rest."""
    size = len(data) // parts
    for part in range(1, parts + 1):
        piece = data[(part - 1) * size : part * size if part < parts else None]
        shelf.add(f"tiny-part{part}", "1.0", {f"tiny_part{part}/data/part{part:02}.bin": piece})
