"""A small lake, counted by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stedi_cli.project.lakehouse import Column, Table

FOLDERS = {
    "customer_landing": "customer",
    "accelerometer_landing": "accelerometer",
    "step_trainer_landing": "step_trainer",
}
JOBS = {
    "customer_landing_to_trusted": "customer_trusted",
    "accelerometer_landing_to_trusted": "accelerometer_trusted",
    "customer_trusted_to_curated": "customers_curated",
    "step_trainer_trusted": "step_trainer_trusted",
    "machine_learning_curated": "machine_learning_curated",
}
TYPED = tuple(f"{table}_landing_typed" for table in ("customer", "accelerometer", "step_trainer"))
TABLES = (
    *FOLDERS,
    "customer_trusted",
    "accelerometer_trusted",
    "step_trainer_trusted",
    "customers_curated",
    "machine_learning_curated",
)

Record = dict[str, Any]
Files = Mapping[str, Mapping[str, bytes | Sequence[Record]]]

C = 1_655_564_444_103
"""When everybody here gave consent, if at all."""


def customer(email: str, serial: str, updated: int, consent: int | None = C) -> Record:
    """A customer's record; without consent the key is absent, as in the public data."""
    record: Record = {
        "customerName": f"Name of {email}",
        "email": email,
        "phone": "5550100142",
        "birthDay": "0967-01-01",
        "serialNumber": serial,
        "registrationDate": C - 5000,
        "lastUpdateDate": updated,
    }
    return record if consent is None else record | {"shareWithResearchAsOfDate": consent}


def motion(user: str, instant: int, x: float = 0.5) -> Record:
    """An accelerometer reading."""
    return {"user": user, "timestamp": instant, "x": x, "y": -1.0, "z": 2.0}


def step(serial: str, instant: int, distance: int = 218) -> Record:
    """A step trainer reading."""
    return {"sensorReadingTime": instant, "serialNumber": serial, "distanceFromObject": distance}


CUSTOMERS = [
    customer("ann@x.org", "serial-ann", C - 2000, None),
    customer("ann@x.org", "serial-ann", C + 1),
    customer("bob@x.org", "serial-shared", C),
    customer("cid@x.org", "serial-shared", C - 1000),
    customer("cid@x.org", "serial-shared", C, None),
    customer("dan@x.org", "serial-dan", C),
    customer("fay@x.org", "serial-fay", C),
]
MOTIONS = [
    motion("ann@x.org", C - 1),
    motion("ann@x.org", C),
    motion("ann@x.org", C + 10),
    motion("ann@x.org", C + 10),
    motion("bob@x.org", C + 20),
    motion("cid@x.org", C + 30),
    motion("dan@x.org", C - 1),
    motion("fay@x.org", C + 10, 5.0),
]
STEPS = [
    step("serial-ann", C - 1),
    step("serial-ann", C),
    step("serial-ann", C + 10),
    step("serial-ann", C + 10),
    step("serial-ann", C + 40),
    step("serial-shared", C),
    step("serial-shared", C + 20),
    step("serial-shared", C + 30),
    step("serial-dan", C + 50),
    step("serial-fay", C + 10, 99),
    step("serial-none", C + 10),
]
SMALL: Files = {
    "customer_landing": {"c.json": CUSTOMERS},
    "accelerometer_landing": {"a.json": MOTIONS},
    "step_trainer_landing": {"s.json": STEPS},
}
BROKEN = b'{"email": "zoe@x.org", "serialNumber": "of-zoe"}\n'
"""A customer's line that cannot be used, and says whose it is."""
LANDING_COUNTS = {"customer_landing": 7, "accelerometer_landing": 8, "step_trainer_landing": 11}
# Strict: cid's latest record withdraws. ann's and dan's readings before the consent and doubles
# go; dan has none left and is not curated. Of the steps, serial-shared at C is nobody's and at
# C + 30 cid's. serial-ann at C + 40 has no reading beside it.
STRICT = LANDING_COUNTS | {
    "customer_trusted": 4,
    "accelerometer_trusted": 4,
    "customers_curated": 3,
    "step_trainer_trusted": 5,
    "machine_learning_curated": 4,
}
# Published: cid's older record counts, and every reading and step of the five. By time alone:
# C - 1: 2 x 1, C: 1 x 2, C + 10: 3 x 3, C + 20: 1 x 1, C + 30: 1 x 1.
PUBLISHED = LANDING_COUNTS | {
    "customer_trusted": 5,
    "accelerometer_trusted": 8,
    "customers_curated": 5,
    "step_trainer_trusted": 10,
    "machine_learning_curated": 15,
}


def write_lake(folder: Path, files: Files = SMALL, *, below: str = "landing") -> Path:
    """Write landing files, and return the folder."""
    for table, named in files.items():
        place = folder / FOLDERS[table] / below
        place.mkdir(parents=True, exist_ok=True)
        for name, content in named.items():
            (place / name).write_bytes(content if isinstance(content, bytes) else lines(content))
    return folder


def lines(records: Iterable[Record]) -> bytes:
    """Records as newline-delimited JSON."""
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


THINGS = Table(
    "things",
    "trusted",
    "Things",
    (
        Column("who", "string", "A person", personal=True),
        Column("n", "long", "A number"),
        Column("x", "double", "A measure"),
    ),
)
"""A table of nobody's job."""
