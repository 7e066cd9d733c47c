"""Landing files on S3 below prefixes that no table has any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage
from stedi_cli.lake.strangers import Stranger, landing_zone
from stedi_cli.landing.names import is_landing_name
from stedi_cli.project.naming import is_name


def left_zones(layout: Layout, others: Iterable[Stranger]) -> list[Stranger]:
    """Return the landing zones with landing files that no table has.

    Args:
        layout: The lakehouse.
        others: The tables of the database that the model does not have: their files go with them.

    Raises:
        StediError: If the bucket cannot be listed.
    """
    whole = f"{layout.settings.landing_prefix}/"
    files: Counter[str] = Counter()
    for key in Storage(layout).list(whole):
        folder, slash, rest = key.partition("/")
        if slash and is_name(folder) and is_landing_name(rest.rpartition("/")[2]):
            files[folder] += 1
    known = {table.folder for table in layout.lakehouse.landing.values()}
    places = {other.place.rstrip("/") for other in others if other.ours}
    return [
        landing_zone(folder, place, number)
        for folder, number in sorted(files.items())
        if folder not in known and (place := layout.uri(whole + folder)) not in places
    ]
