"""What DuckDB raises, as errors of its own only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_errors() -> Iterator[None]:
    """Let nothing out of DuckDB but its own errors, whatever Python makes of them."""
    import duckdb

    try:
        yield
    except duckdb.Error:
        raise
    except UnicodeDecodeError as error:
        # DuckDB cuts what it quotes inside a character.
        raise duckdb.Error(error.object.decode(errors="replace")) from error
    except Exception as error:
        raise duckdb.Error(f"{type(error).__name__}: {error}") from error
