"""Landing files on S3 below prefixes that no table has any more."""

from __future__ import annotations

from collections.abc import Iterable

from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage
from stedi_cli.lake.strangers import Stranger, landing_zone
from stedi_cli.landing.names import is_stored_name
from stedi_cli.project.naming import is_name


def left_zones(layout: Layout, others: Iterable[Stranger]) -> list[Stranger]:
    """Return the landing zones with landing files that no table has.

    Args:
        layout: The lakehouse.
        others: The tables of the database that the model does not have: their files go with them.

    Raises:
        StediError: If the bucket cannot be listed.
    """
    whole, storage = f"{layout.settings.landing_prefix}/", Storage(layout)
    known = {table.folder for table in layout.lakehouse.landing.values()}
    places = {other.place.rstrip("/") for other in others if other.ours}
    found: list[Stranger] = []
    for folder in storage.folders(whole):
        place = layout.uri(whole + folder)
        if is_name(folder) and folder not in known and place not in places:
            keys = storage.list(f"{whole}{folder}/")
            number = sum(map(is_stored_name, keys))
            found += [landing_zone(folder, place, number)] if number else []
    return found
