"""What is kept of lines that were answered, and what is none of that."""

from __future__ import annotations

import pytest

from stedi_cli.landing.answered import answered_in, written


def test_what_is_kept_is_read_again() -> None:
    lines = {("customer_landing", "0" * 64, 3): 1_700_000_000_000}
    assert answered_in(written(lines)) == lines


@pytest.mark.parametrize(
    "content",
    [
        *(None, b"", b"{", b"[]", b'{"lines":3}', b'{"lines":[["t","d",1]]}', b"[" * 100_000),
        *(b'{"lines":[["t","d",1,null]]}', b'{"lines":[["t","d",Infinity,1]]}'),
    ],
)
def test_where_it_cannot_be_read_nothing_was_answered(content: bytes | None) -> None:
    assert answered_in(content) == {}
