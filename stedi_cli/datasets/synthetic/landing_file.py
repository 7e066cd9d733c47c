"""The text of one landing file, with the mess that was asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from stedi_cli.datasets.synthetic.dice import Dice, share_of
from stedi_cli.datasets.synthetic.dirt import share_of_dirt
from stedi_cli.datasets.synthetic.lines import FIELDS
from stedi_cli.datasets.synthetic.request import Request
from stedi_cli.datasets.synthetic.unusable import odd
from stedi_cli.datasets.synthetic.walkers import Walker
from stedi_cli.landing.row_sum import text_number

_ESCAPABLE = {"customer": "@", "accelerometer": "@", "step_trainer": "-"}


class LandingFile:
    """A landing file that is being put together.

    For every unusable line there is also a usable one in an unusual spelling.

    Args:
        request: What is asked for.
        folder: The landing folder.
        number: Number of the block, from 1.
    """

    def __init__(self, request: Request, folder: str, number: int) -> None:
        self.quarantine: Counter[tuple[str, str]] = Counter()
        self.sum = 0
        self._folder = folder
        self._dirt = share_of_dirt(request, folder)
        self._number = number + list(FIELDS).index(folder)
        # Apart from all other dice, so that dirt changes nothing else.
        self._dice = Dice(f"{request.seed}:{number}:{folder}:spelling")
        self._chunks: list[bytes] = []
        self._again: list[str] = []

    def add(self, walker: Walker, texts: Sequence[str], times: Sequence[int]) -> None:
        """Add a customer's lines.

        Args:
            walker: The customer.
            texts: One or more lines each, or none where there is no reading.
            times: A time that stands in each text.
        """
        self._add_up(texts)
        dirt = share_of(walker.number, walker.number + 1, self._dirt)
        if dirt:
            texts = self._respelled(texts, times, walker.number, dirt)
        self._chunks.append("".join(texts).encode())
        for reason, line in walker.dirt[self._folder]:
            self._chunks.append(line + b"\n")
            self.quarantine[f"{self._folder}_landing", reason] += 1

    def add_again(self, line: str) -> None:
        """Have a line delivered once more, after everything else."""
        self._add_up([line])
        self._again.append(line)

    def content(self) -> bytes:
        """The bytes of the file; in a data set with dirt, some files begin or end unusually."""
        content = b"".join([*self._chunks, "".join(self._again).encode()])
        if self._dirt and self._number % 4 == 1:
            return b"\xef\xbb\xbf" + content
        if self._dirt and self._number % 4 == 3:
            return content.removesuffix(b"\n")
        return content

    def _add_up(self, texts: Sequence[str]) -> None:
        """Add usable lines to the sum over the rows, as they are before they are respelled."""
        for text in texts:
            for line in text.splitlines():
                # A customer's line has blanks between its tokens, and in some of its values.
                plain = line if self._folder != "customer" else _without_blanks(line)
                self.sum += text_number(plain)

    def _respelled(
        self, texts: Sequence[str], times: Sequence[int], customer: int, dirt: int
    ) -> list[str]:
        texts = list(texts)
        places = list(range(len(texts)))
        self._dice.shuffle(places)
        for variant, place in enumerate(places[:dirt], share_of(0, customer, self._dirt)):
            line, feed, rest = texts[place].partition("\n")
            if feed:
                escapable = _ESCAPABLE[self._folder]
                texts[place] = odd(line, times[place], escapable, variant) + rest
        return texts


def _without_blanks(line: str) -> str:
    return json.dumps(json.loads(line), separators=(",", ":"))
