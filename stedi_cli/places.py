"""Opens a lakehouse where it lives: the one module that knows both places."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stedi_cli.lake.parts import Lake
    from stedi_cli.privacy.source import Source
    from stedi_cli.project.lakehouse import Lakehouse
    from stedi_cli.project.settings import Settings


def open_lake(settings: Settings, lakehouse: Lakehouse) -> Lake:
    """Open the lakehouse that the settings name; nothing is made or changed yet.

    Args:
        settings: The settings.
        lakehouse: The model.
    """
    if settings.target == "local":
        from stedi_cli.local.lake import local_lake

        return local_lake(settings, lakehouse)
    from stedi_cli.aws.lake import aws_lake

    return aws_lake(settings, lakehouse)


def scan_source(settings: Settings) -> Source:
    """Return what lies where a lakehouse is, as a scan reads it.

    Args:
        settings: The settings.
    """
    if settings.target == "local":
        from stedi_cli.privacy.tree import Tree

        return Tree(str(settings.root))
    from stedi_cli.aws.scan_source import ScanSource

    return ScanSource(settings)
