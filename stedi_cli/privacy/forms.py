"""How values are written: serial numbers, what is left of texts as bounds, lengths before them."""

from __future__ import annotations

import re

BOUND_LENGTH = 16
"""Characters that Iceberg keeps of a text as a bound."""
_HEX = re.compile("[0-9a-f]{32}")


def bounds_of(value: str) -> set[str]:
    """Return what a lower and an upper bound keep of a value, however it was written."""
    bounds = set()
    for length in range(BOUND_LENGTH - 3, BOUND_LENGTH + 1):
        if len(value) > length:
            kept, last = value[: length - 1], value[length - 1]
            bounds |= {value[:length]}
            bounds |= {kept + chr(ord(case) + 1).lower() for case in (last, last.upper()[0])}
    return bounds


def digits_of(serial: str) -> str:
    """Return the 32 hexadecimal digits of a serial number that is a UUID; else nothing."""
    digits = serial.lower().replace("-", "")
    return digits if _HEX.fullmatch(digits) else ""


def spelled(digits: str) -> tuple[str, str]:
    """Return 32 hexadecimal digits as they are, and as a UUID is written."""
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return digits, "-".join(parts)


def is_length(before: bytes, size: int) -> bool:
    """Tell whether bytes before a text end with its length, as files of many kinds have it."""
    # Of one byte, or of several with the least one last; as Avro doubles it; the least one first.
    if before[-1:] in (bytes([number]) for number in (size, 2 * size) if number < 256):
        return True
    return before == size.to_bytes(4, "little")
