"""Uploads landing files: in parallel, with checksums, and only what S3 does not have."""

from __future__ import annotations

import base64
import io
import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from stedi_cli.aws.account import aws_errors, error_code, side_by_side
from stedi_cli.aws.infra.emptying import abort_uploads, pending_uploads
from stedi_cli.aws.landing_index import Entry
from stedi_cli.aws.landing_zone import LandingZone
from stedi_cli.errors import StediError
from stedi_cli.lake.events import Reading, Uploaded, Uploading
from stedi_cli.landing.delivery import Source, unknown_keys
from stedi_cli.landing.file_facts import FileFacts, pieces, read_facts, stamp
from stedi_cli.project.lakehouse import Lakehouse

_PARALLEL = 8
_PART = 16 << 20
_LARGE = 64 << 20
"""Bytes from which a file is sent in parts."""


@dataclass(frozen=True)
class Local:
    """A file to upload.

    Args:
        table: Its landing table.
        name: Its name in the landing zone.
        path: Where it lies.
        facts: What its bytes tell.
        stamp: What changes when it is written to.
        state: ``new``, ``changed`` or ``unchanged``.
    """

    table: str
    name: str
    path: Path
    facts: FileFacts
    stamp: tuple[int, int, int, int]
    state: str


def read_local(
    zone: LandingZone,
    found: Mapping[str, Sequence[Source]],
    tell: Callable[[int, int], None] | None = None,
) -> list[Local]:
    """Read files and tell which of them S3 does not have.

    Args:
        zone: The landing zone.
        found: Files by landing table.
        tell: Takes how many bytes were read, and of how many.

    Returns:
        The files in their order.

    Raises:
        UsageError: If one is a broken gzip file.
        StediError: If one cannot be read.
    """
    zone.listed()
    places = [(table, source) for table, sources in found.items() for source in sources]
    total = sum(source.path.stat().st_size for _, source in places)
    reading = Reading(total, tell or (lambda done, total: None))

    def told(stream: BinaryIO) -> Iterator[bytes]:
        for piece in pieces(stream):
            reading.add(len(piece))
            yield piece

    def read(table: str, source: Source) -> Local:
        name, path = source.name, source.path
        before_read = stamp(path)
        with path.open("rb") as stream:
            facts = read_facts(told(stream), name, str(path))
        state = _state_of(zone, table, name, facts)
        return Local(table, name, path, facts, before_read, state)

    return side_by_side([lambda p=place: read(*p) for place in places], workers=_PARALLEL)


def held_against(zone: LandingZone, files: list[Local]) -> list[Local]:
    """Return files that were read before, with their states as the landing zone is now."""
    return [replace(f, state=_state_of(zone, f.table, f.name, f.facts)) for f in files]


def _state_of(zone: LandingZone, table: str, name: str, facts: FileFacts) -> str:
    if name not in zone.listed()[table]:
        return "new"
    before = zone.known(table, name)
    return "unchanged" if before is not None and before.sha256 == facts.sha256 else "changed"


def upload(
    zone: LandingZone, lakehouse: Lakehouse, files: list[Local]
) -> Iterator[Uploaded | Uploading]:
    """Upload files.

    Args:
        zone: The landing zone.
        lakehouse: The model.
        files: The files.

    Yields:
        Bytes done as they are, and each file when it is there.

    Raises:
        StediError: If one cannot be uploaded; those that are done stay, and a second upload
            skips them.
    """
    wanted = [file for file in files if file.state != "unchanged"]
    for file in files:
        if file.state == "unchanged":
            yield Uploaded(file.table, file.name, "unchanged")
    total, done = sum(file.facts.size for file in wanted), 0
    unknown: dict[Path, frozenset[str]] = {}
    for name, table in lakehouse.landing.items():
        unknown |= unknown_keys([file.path for file in wanted if file.table == name], table)
    reports: queue.SimpleQueue[int | Future[Entry]] = queue.SimpleQueue()
    with ThreadPoolExecutor(_PARALLEL) as pool:
        sent = {pool.submit(_send, zone, file, reports.put): file for file in wanted}
        for future in sent:
            future.add_done_callback(reports.put)
        try:
            waiting = len(sent)
            while waiting:
                news = reports.get()
                if isinstance(news, int):
                    done += news
                    yield Uploading(min(done, total), total)
                    continue
                waiting -= 1
                file = sent[news]
                zone.remember(file.table, file.name, news.result())
                keys = unknown.get(file.path, frozenset())
                yield Uploaded(file.table, file.name, file.state, keys)
            if any(file.facts.size >= _LARGE for file in wanted):
                _abort_old(zone, wanted)
        finally:
            for future in sent:
                future.cancel()
            # What is there is known the next time, also after an error.
            if wanted:
                zone.save_index()


def _send(zone: LandingZone, file: Local, report: Callable[[int], None]) -> Entry:
    key = zone.key(file.table, file.name)
    with aws_errors(f"s3:PutObject {key}"):
        send = _send_parts if file.facts.size >= _LARGE else _send_whole
        etag = send(zone, file, key, report)
    if stamp(file.path) != file.stamp:
        raise _changed(file)
    return Entry(etag, file.facts)


class _Told(io.FileIO):
    """A file that tells how much of it was read, once, however often it is sent.

    Args:
        path: The file.
        report: Takes bytes as they are read.
    """

    def __init__(self, path: Path, report: Callable[[int], None]) -> None:
        super().__init__(path, "rb")
        self._report = report
        self._told = 0

    def read(self, size: int | None = -1, /) -> Any:
        """Return bytes, all that are left by default."""
        piece = super().read(-1 if size is None else size)
        if self.tell() > self._told:
            self._report(self.tell() - self._told)
            self._told = self.tell()
        return piece


class _Unchanged(io.BufferedReader):
    """A file that is read only for as long as it is the one that was read before.

    S3 compares a digest of each part with what was sent, and none of the whole file.

    Args:
        file: The file.
    """

    def __init__(self, file: Local) -> None:
        super().__init__(io.FileIO(file.path))
        self._file = file

    def read(self, size: int | None = -1, /) -> bytes:
        """Return bytes; raise StediError where the file changed until they were read."""
        piece = super().read(size)
        if stamp(self._file.path) != self._file.stamp:
            raise _changed(self._file)
        return piece


def _send_whole(zone: LandingZone, file: Local, key: str, report: Callable[[int], None]) -> str:
    from botocore.exceptions import ClientError

    digest = base64.b64encode(bytes.fromhex(file.facts.sha256)).decode()
    try:
        with _Told(file.path, report) as stream:
            answer = zone.storage.s3.put_object(
                **zone.storage.place(key), Body=stream, ChecksumSHA256=digest
            )
    except ClientError as error:
        other_bytes = error_code(error) in ("BadDigest", "XAmzContentChecksumMismatch")
        # S3 refuses much else by this code.
        if other_bytes or (error_code(error) == "InvalidRequest" and "checksum" in str(error)):
            raise _changed(file) from error
        raise
    return str(answer["ETag"])


def _send_parts(zone: LandingZone, file: Local, key: str, report: Callable[[int], None]) -> str:
    from boto3.s3.transfer import TransferConfig

    place = zone.storage.place(key)
    config = TransferConfig(
        multipart_threshold=_LARGE, multipart_chunksize=_PART, max_concurrency=_PARALLEL
    )
    owner = {"ExpectedBucketOwner": place["ExpectedBucketOwner"]}
    with _Unchanged(file) as stream:
        zone.storage.s3.upload_fileobj(
            stream,
            place["Bucket"],
            key,
            ExtraArgs={"ChecksumAlgorithm": "SHA256", **owner},
            Config=config,
            Callback=report,
        )
    return str(zone.storage.s3.head_object(**place)["ETag"])


def _abort_old(zone: LandingZone, files: list[Local]) -> None:
    """Abort what earlier uploads of the same files have left half done.

    They died, or the answer to their start was lost, so that boto3 started another.
    """
    keys = {zone.key(file.table, file.name) for file in files}
    s3, owned = zone.storage.s3, zone.storage.place()
    with aws_errors("s3:ListMultipartUploads"):
        found = pending_uploads(s3, owned)
        abort_uploads(s3, owned, [old for old in found if old[0] in keys])


def _changed(file: Local) -> StediError:
    return StediError(
        f"{file.path} changed while it was uploaded.", hint="Upload it again when it is whole."
    )
