"""What data is asked for, and how it is cut into blocks that can be built apart."""

from __future__ import annotations

from dataclasses import dataclass

from stedi_cli.datasets.synthetic.names import serial_number
from stedi_cli.errors import UsageError

_FEWEST_BLOCKS = 4
_LARGEST_BLOCK = 2000


@dataclass(frozen=True)
class Request:
    """The arguments of a data set; the same request always gives the same bytes.

    Args:
        customers: How many customers.
        seed: Another seed gives other data of the same kind.
        shared_serials: How many serial numbers all customers share; 0 gives everyone their own.
        dirty: Unusable lines added, as a share of each table's lines; those of customers still say
            for certain whose they are, and which device theirs is.
        updates: Share of customers with more records than one.
        duplicates: Share of lines that are delivered twice.
        unreadable: Unusable lines of customers added that do not say that.

    Raises:
        UsageError: For a value outside its range.
    """

    customers: int = 1000
    seed: int = 1
    shared_serials: int = 0
    dirty: float = 0.0
    updates: float = 0.0
    duplicates: float = 0.0
    unreadable: int = 0

    def __post_init__(self) -> None:
        if self.customers < 1:
            raise UsageError(
                f"There must be at least one customer, not {self.customers}.",
                hint="Give a number from 1, such as 1000.",
            )
        if not 0 <= self.shared_serials <= self.customers:
            raise UsageError(
                f"{self.customers} customers cannot share {self.shared_serials} serial numbers.",
                hint=f"Give a number from 0 (everyone has their own) to {self.customers}.",
            )
        if self.unreadable < 0:
            raise UsageError(
                f"There cannot be {self.unreadable} unreadable lines of customers.",
                hint="Give a number from 0, such as 2.",
            )
        for name in ("dirty", "updates", "duplicates"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(
                    f"{name} must be a share from 0 to 1, not {getattr(self, name)}.",
                    hint="0.05 means five of a hundred.",
                )

    @property
    def blocks(self) -> list[range]:
        """The customers' numbers, in the blocks that are built and written together."""
        size = min(_LARGEST_BLOCK, -(-self.customers // _FEWEST_BLOCKS))
        return [
            range(first, min(first + size, self.customers))
            for first in range(0, self.customers, size)
        ]

    def serial(self, number: int) -> str:
        """The serial number that goes by this number, one of the shared ones where they are."""
        return serial_number(self.seed, number % (self.shared_serials or number + 1))

    def described(self) -> str:
        """The request in words, to be written beside the data."""
        words = [f"{self.customers} customers", f"seed {self.seed}"]
        if self.shared_serials:
            words.append(f"{self.shared_serials} shared serial numbers")
        words += [
            f"{name} {getattr(self, name):g}"
            for name in ("dirty", "updates", "duplicates")
            if getattr(self, name)
        ]
        if self.unreadable:
            words.append(f"{self.unreadable} unreadable customers")
        return ", ".join(words)
