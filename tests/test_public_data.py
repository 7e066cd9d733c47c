"""``data fetch`` from a server on this machine: the known files, whole, and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import socket
import tarfile
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import PROJECT, Ask, Result, run_stedi
from small import FOLDERS, SMALL, STRICT, lines

from stedi_cli.project.folder import copy_out

FOLDER = "project/starter"
FILES = {
    f"{FOLDERS[table]}/landing/{name}": lines(records)  # type: ignore[arg-type]
    for table, named in SMALL.items()
    for name, records in named.items()
}


def tar(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    """An archive as GitHub makes it: everything below one folder."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        for member in more:
            archive.addfile(member)
        for name, content in files.items():
            info = tarfile.TarInfo(f"repository-main/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


ARCHIVE = tar({f"{FOLDER}/{name}": content for name, content in FILES.items()})


class Server:
    """Serves one answer; ``url`` says where."""

    def __init__(self) -> None:
        self.answer: bytes = ARCHIVE
        self.status = 200
        self.length: int | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(server.status)
                length = len(server.answer) if server.length is None else server.length
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(server.answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/main.tar.gz"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, args=[0.01])
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


def project_of(folder: Path, url: str) -> Path:
    """A project that knows the small lake as the data set to download; returns its config."""
    copy_out(PROJECT, folder)
    entry = {
        "source": "the small lake",
        "archive": url,
        "folder": FOLDER,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()},
        "counts": {"strict": STRICT},
    }
    (folder / "configs" / "expected.yaml").write_text(yaml.safe_dump({"data_sets": [entry]}))
    return folder / "configs" / "local.yaml"


@pytest.fixture
def config(tmp_path: Path, server: Server) -> Path:
    return project_of(tmp_path / "project", server.url)


def fetched(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if not path.is_dir()
    }


def assert_refused(told: Result, workspace: Path, error: str) -> None:
    assert (told.code, told.out) == (1, ""), told.err
    assert re.search(rf"^Error: .*{error}", told.err, re.MULTILINE), told.err
    assert "Traceback" not in told.err
    assert told.err.splitlines()[-1].startswith("Hint: ")
    assert list(workspace.iterdir()) == []


# --- Success -------------------------------------------------------------------------------------


def test_the_files_and_their_counts(config: Path, workspace: Path, invoke: Ask) -> None:
    told = invoke("--config", config, "data", "fetch", "new/data", "--json")
    assert told.code == 0, told.err
    assert told.json() == {"folder": "new/data", "files": sorted(FILES)}
    assert fetched(workspace) == {f"new/data/{name}": content for name, content in FILES.items()}
    assert invoke("--config", config, "infra", "up", "--data", "new/data").code == 0
    assert invoke("--config", config, "jobs", "run", "--all").code == 0
    report = invoke("--config", config, "validate", "--json").json()
    assert {t["table"]: t["expected"] for t in report["tables"]} == STRICT
    assert report["ok"]


def test_an_empty_folder_may_be_there(config: Path, workspace: Path, invoke: Ask) -> None:
    (workspace / "public-data").mkdir()
    assert invoke("--config", config, "data", "fetch").code == 0
    assert fetched(workspace / "public-data") == FILES


def test_only_known_files_are_taken(
    config: Path, server: Server, workspace: Path, invoke: Ask
) -> None:
    link = tarfile.TarInfo(f"repository-main/{FOLDER}/customer/landing/link.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device = tarfile.TarInfo(f"repository-main/{FOLDER}/customer/landing/device.json")
    device.type = tarfile.FIFOTYPE
    files = {f"{FOLDER}/{name}": content for name, content in FILES.items()}
    hostile = {"../../../escaped.json": b"x", f"{FOLDER}/../../escaped.json": b"x"}
    hostile |= {f"{FOLDER}/customer/landing/more.json": b"x", "README.md": b"x"}
    server.answer = tar({**hostile, **files, **hostile}, link, device)
    assert invoke("--config", config, "data", "fetch", "data").code == 0
    assert fetched(workspace.parent / "work") == {f"data/{n}": c for n, c in FILES.items()}
    assert not list(workspace.parent.rglob("escaped.json"))


def test_a_link_in_the_place_of_a_file_is_no_file(
    config: Path, server: Server, workspace: Path, invoke: Ask
) -> None:
    name, *others = FILES
    link = tarfile.TarInfo(f"repository-main/{FOLDER}/{name}")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    server.answer = tar({f"{FOLDER}/{other}": FILES[other] for other in others}, link)
    told = invoke("--config", config, "data", "fetch", "data")
    assert_refused(told, workspace, f"lacks {name}")


@pytest.mark.slow
def test_the_public_data_set(public_data: Path, server: Server, tmp_path: Path) -> None:
    copy_out(PROJECT, tmp_path / "project")
    known = tmp_path / "project" / "configs" / "expected.yaml"
    text, count = re.subn(r"archive: \S+", f"archive: {server.url}", known.read_text())
    assert count == 1
    known.write_text(text)
    files = {
        path.relative_to(public_data).as_posix(): path.read_bytes()
        for path in public_data.rglob("*.json")
    }
    assert len(files) == 13
    server.answer = tar({f"{FOLDER}/{name}": content for name, content in files.items()})
    config = tmp_path / "project" / "configs" / "local.yaml"
    told = run_stedi("--config", config, "data", "fetch", "data")
    assert told.code == 0, told.err
    assert "13 files" in told.out
    assert fetched(Path("data")) == files


# --- Refusals ------------------------------------------------------------------------------------


def test_a_wrong_sum(config: Path, server: Server, workspace: Path, invoke: Ask) -> None:
    name, content = next(iter(FILES.items()))
    changed = FILES | {name: content.replace(b"ann@", b"eve@")}
    server.answer = tar({f"{FOLDER}/{n}": c for n, c in changed.items()})
    told = invoke("--config", config, "data", "fetch", "data")
    assert_refused(told, workspace, f"{Path(name).name} has another SHA-256")


def test_a_missing_file(config: Path, server: Server, workspace: Path, invoke: Ask) -> None:
    *some, missing = FILES
    server.answer = tar({f"{FOLDER}/{name}": FILES[name] for name in some})
    told = invoke("--config", config, "data", "fetch", "data")
    assert_refused(told, workspace, f"lacks {missing}")


def damaged() -> bytes:
    """A gzip file that is a tar archive up to the middle of a file, and from there no gzip."""
    plain = gzip.decompress(tar({f"{FOLDER}/{next(iter(FILES))}": bytes(range(250)) * 9999}))
    packer = zlib.compressobj(wbits=31)
    first = packer.compress(plain[: len(plain) // 2])
    return first + packer.flush(zlib.Z_FULL_FLUSH) + b"\xff" * 1000


NO_ARCHIVES = {
    "a page": b"<html>Not here</html>",
    "nothing": b"",
    "cut short": ARCHIVE[: len(ARCHIVE) // 2],
    "gzip of no tar": gzip.compress(b"no tar" * 1000),
    "damaged half-way": damaged(),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", NO_ARCHIVES)
def test_no_archive(config: Path, server: Server, workspace: Path, invoke: Ask, what: str) -> None:
    server.answer = NO_ARCHIVES[what]
    told = invoke("--config", config, "data", "fetch", "data")
    assert_refused(told, workspace, "archive")


def test_an_answer_cut_short(config: Path, server: Server, workspace: Path) -> None:
    server.length = len(ARCHIVE) + 1000
    server.answer = ARCHIVE[:100]
    told = run_stedi("--config", config, "data", "fetch", "data")
    assert_refused(told, workspace, "(archive|download)")


def test_not_found(config: Path, server: Server, workspace: Path) -> None:
    server.status = 404
    told = run_stedi("--config", config, "data", "fetch", "data")
    assert_refused(told, workspace, f"Cannot download {server.url}: Not Found")


@pytest.mark.slow
@pytest.mark.parametrize("answer", [None, b"", b"what?\r\n\r\n"])
def test_a_port_where_no_web_server_is(
    tmp_path: Path, workspace: Path, answer: bytes | None
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/main.tar.gz"
        config = project_of(tmp_path / "project", url)

        def once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer or b"")

        thread = threading.Thread(target=once)
        if answer is None:
            listener.close()
        else:
            thread.start()
        told = run_stedi("--config", config, "data", "fetch", "data")
        if answer is not None:
            thread.join()
    assert_refused(told, workspace, f"Cannot download {url}")


def test_a_place_that_is_not_empty(config: Path, workspace: Path, invoke: Ask) -> None:
    (workspace / "data").mkdir()
    (workspace / "data" / "mine").write_text("mine")
    (workspace / "file").write_text("mine")
    for place in ("data", "file"):
        told = invoke("--config", config, "data", "fetch", place)
        assert (told.code, told.out) == (2, "")
        assert f"{place} is not empty" in told.err
    assert fetched(workspace) == {"data/mine": b"mine", "file": b"mine"}


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", None])
def test_an_archive_from_no_web_address(
    tmp_path: Path, workspace: Path, invoke: Ask, url: str | None
) -> None:
    config = project_of(tmp_path / "project", str(url))
    told = invoke("--config", config, "data", "fetch", "data")
    assert told.code == 2
    assert "no archive" in told.err
    assert list(workspace.iterdir()) == []
