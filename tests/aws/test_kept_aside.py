"""What a run on Glue left that stopped: kept while a run can use it, and nobody's for ever."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from sandbox.server import Sandbox
from small import C, motion, write_lake

from aws.cloud_lake import CloudLake, small_lake
from stedi_cli.errors import StediError
from stedi_cli.landing.kept import Kept
from stedi_cli.landing.ledger import FileAccount

pytestmark = pytest.mark.slow

READINGS, CUSTOMERS = "accelerometer_landing", "customer_landing"


def data_of(number: int) -> str:
    """The name of a data file, as Spark gives it."""
    return f"00000-{number}-0a1b2c3d-1111-4222-8333-944455556666-0-00001.parquet"


@dataclass
class World:
    """The small lake on AWS, of two tables of which something is kept; its jobs not run."""

    cloud: CloudLake

    def put(self, name: str, content: bytes = b"ann") -> None:
        key = self.cloud.layout.aside + name
        self.cloud.s3.put_object(Bucket=self.cloud.layout.bucket, Key=key, Body=content)

    def keep(self, table: str, number: int) -> None:
        """Keep what a run would of all landing files of a table."""
        with self.cloud.opened() as opened:
            files = opened.landing.states()[table].files
        read = {n: FileAccount(f.sha256, f.size, f.lines, 0) for n, f in files.items()}
        kept = Kept({data_of(number): "0" * 64}, read)
        self.put(f"{table}.kept", kept.content(self.cloud.settings.lakehouse().tables[table]))
        self.put(data_of(number))

    def there(self) -> set[str]:
        found = self.cloud.keys(self.cloud.layout.aside)
        return {key.removeprefix(self.cloud.layout.aside) for key in found}


CUSTOMERS_OWN, READINGS_OWN = {f"{CUSTOMERS}.kept", data_of(1)}, {f"{READINGS}.kept", data_of(2)}


@pytest.fixture
def world(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(small_lake(sandbox, tmp_path, monkeypatch))
    made.keep(CUSTOMERS, 1)
    made.keep(READINGS, 2)
    assert made.there() == CUSTOMERS_OWN | READINGS_OWN
    return made


def test_a_run_begins_with_what_it_can_use_and_no_more(world: World) -> None:
    world.put(data_of(3))
    world.put("step_trainer_landing.kept", b"broken")
    world.put("mine.txt")
    # Its runs do nothing.
    world.cloud.script(1, effect=lambda run: None)
    with pytest.raises(StediError, match="is not its"):
        world.cloud.events()
    assert world.there() == CUSTOMERS_OWN | READINGS_OWN | {"mine.txt"}
    world.cloud.run()
    # The scripted run has committed it all, and did not come to drop it.
    world.cloud.run(force=True)
    assert world.there() == {"mine.txt"}


@pytest.mark.parametrize("replaced", [True, False], ids=["changed", "removed"])
def test_what_an_upload_takes_away_is_not_kept(
    world: World, tmp_path: Path, replaced: bool
) -> None:
    more = {READINGS: {"more.json": [motion("bob@x.org", C + 77)]}}
    world.cloud.upload(write_lake(tmp_path / "new", more))
    assert world.there() == CUSTOMERS_OWN | READINGS_OWN
    other = {READINGS: {"more.json": [motion("bob@x.org", C + 78)]}}
    folder = write_lake(tmp_path / "other", other if replaced else more)
    world.cloud.upload(folder, replace=not replaced)
    assert world.there() == CUSTOMERS_OWN


def test_no_version_of_it_outlives_a_withdrawal(world: World) -> None:
    cloud = world.cloud
    bucket, versioned = cloud.layout.bucket, {"Status": "Enabled"}
    cloud.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioned)
    world.keep(READINGS, 3)
    cloud.s3.delete_object(Bucket=bucket, Key=cloud.layout.aside + data_of(2))
    with cloud.opened() as opened, opened.consent.alone(wait=False, readers=False):
        opened.consent.keep_one()
    found = cloud.s3.list_object_versions(Bucket=bucket, Prefix=cloud.layout.aside)
    assert not found.get("Versions")
    assert not found.get("DeleteMarkers")


def test_doctor_tells_of_it_unless_a_run_is_at_work(world: World) -> None:
    def found() -> list[str]:
        with world.cloud.opened() as opened:
            return [f.found for f in opened.diagnose() if f.what == "kept aside"]

    (said,) = found()
    assert "read by a run that did not end" in said
    world.cloud.script(1, *["RUNNING"] * 30)
    world.cloud.events(detach=True)
    assert found() == []


def test_down_removes_it(world: World) -> None:
    with world.cloud.opened() as opened:
        list(opened.infrastructure.down())
    assert not any(world.cloud.sandbox.client("s3").list_buckets()["Buckets"])
