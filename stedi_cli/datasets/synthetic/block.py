"""One block of customers: its three landing files, and what they add to the expected counts."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from pathlib import Path

from stedi_cli.datasets.synthetic.dice import Dice, share_of
from stedi_cli.datasets.synthetic.gait import gait
from stedi_cli.datasets.synthetic.holdings import Holdings, holdings_of
from stedi_cli.datasets.synthetic.landing_file import LandingFile
from stedi_cli.datasets.synthetic.lines import (
    FIELDS,
    STEP_LINE_START,
    accelerometer_line_start,
    customer_line,
    step_line_middle,
)
from stedi_cli.datasets.synthetic.plan import plan_block
from stedi_cli.datasets.synthetic.request import Request
from stedi_cli.datasets.synthetic.tally import Tally, Walk
from stedi_cli.datasets.synthetic.walkers import INSTANTS, Walker


@dataclass(slots=True)
class Built:
    """What a block came to.

    Args:
        customers: Customers in the block.
        tally: What the block adds to the counts.
        files: SHA-256 of each landing file by its path in the data set.
        size: Bytes in these files.
    """

    customers: int
    tally: Tally
    files: dict[str, str] = field(default_factory=dict)
    size: int = 0


def survey_block(request: Request, block: range) -> Holdings:
    """What the customers of a block hold, which other blocks have to know of shared numbers."""
    return holdings_of(plan_block(request, block))


def build_block(
    request: Request, number: int, elsewhere: Holdings | None, directory: Path
) -> Built:
    """Write the landing files of a block.

    Args:
        request: What is asked for.
        number: Number of the block, from 1.
        elsewhere: Holdings over all blocks, where customers of several may share a serial number.
        directory: Where the folders of the data set are.

    Returns:
        What was written, and what it adds to the expected counts.
    """
    block = request.blocks[number - 1]
    parties = list(plan_block(request, block))
    holdings = holdings_of(parties) if elsewhere is None else elsewhere
    writer = _Writer(request, number)
    built = Built(len(block), writer.tally)
    for party in parties:
        for walker in party:
            writer.write_records(walker)
        writer.tally.count_party([writer.write_walk(walker) for walker in party], holdings)
    for folder, file in writer.files.items():
        writer.tally.quarantine.update(file.quarantine)
        writer.tally.sums[f"{folder}_landing"] += file.sum
        path = f"{folder}/landing/{folder}-{number:04d}.json"
        content = file.content()
        (directory / path).write_bytes(content)
        built.files[path] = hashlib.sha256(content).hexdigest()
        built.size += len(content)
    return built


class _Writer:
    """Writes customers into a block's files, and counts what it writes."""

    def __init__(self, request: Request, number: int) -> None:
        self.tally = Tally()
        self._dice = Dice(f"{request.seed}:{number}:lines")
        self._share = request.duplicates
        self._gait = gait(request.seed)
        self.files = {folder: LandingFile(request, folder, number) for folder in FIELDS}

    def write_records(self, walker: Walker) -> None:
        """Write the customer's records, in any order."""
        records = walker.records
        self._dice.shuffle(records)
        lines = [customer_line(record) for record in records]
        self.files["customer"].add(walker, lines, [record.registered for record in records])
        for record in records:
            self.tally.count_record(walker, record)
        for place, line in self._delivered_twice(list(enumerate(lines))):
            self.files["customer"].add_again(line)
            self.tally.count_record(walker, records[place])

    def write_walk(self, walker: Walker) -> Walk:
        """Write what both sensors read while the customer walks."""
        moves = self._gait.moves_of(walker)
        steps = self._gait.steps_of(walker)
        read = [len(move) - 1 for move in moves]
        return Walk(
            walker,
            moves=read,
            heard=self._write_moves(walker, moves, read),
            steps=steps,
            stepped=self._write_steps(walker, steps),
        )

    def _write_moves(
        self, walker: Walker, moves: list[tuple[str, ...]], read: list[int]
    ) -> list[int]:
        first, second = (accelerometer_line_start(user) for user in walker.users)
        starts = [
            f"{first if instant < walker.respelled else second}{time}"
            for instant, time in enumerate(walker.times)
        ]
        file = self.files["accelerometer"]
        file.add(
            walker, [s.join(move) for s, move in zip(starts, moves, strict=True)], walker.times
        )
        heard = list(read)
        if self._share:
            lines = [(instant, text) for instant, move in enumerate(moves) for text in move[1:]]
            for instant, text in self._delivered_twice(lines):
                file.add_again(starts[instant] + text)
                heard[instant] += 1
        return heard

    def _write_steps(self, walker: Walker, steps: list[str]) -> list[int]:
        first, second = (step_line_middle(serial) for serial in walker.serials)
        lines = [
            f"{STEP_LINE_START}{time}{first if instant < walker.rewired else second}{step}"
            for instant, (time, step) in enumerate(zip(walker.times, steps, strict=True))
        ]
        file = self.files["step_trainer"]
        file.add(walker, lines, walker.times)
        stepped = [1] * INSTANTS
        for instant, line in self._delivered_twice(list(enumerate(lines))):
            file.add_again(line)
            stepped[instant] += 1
        return stepped

    def _delivered_twice(self, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """The lines that are delivered twice, spread evenly."""
        if not self._share:
            return []
        offset = self._dice.roll()
        twice = share_of(0, len(lines), self._share, offset)
        # The n-th is the first line with which n lines are due.
        due = (math.ceil((n - offset) / self._share) for n in range(1, twice + 1))
        return [lines[min(line, len(lines)) - 1] for line in due]
