"""Landing lines in the spelling of the public data."""

from __future__ import annotations

from stedi_cli.datasets.synthetic.walkers import Record
from stedi_cli.landing.contract import Field

# From 2000 to 2099, UTC.
_PLAUSIBLE = range(946_684_800_000, 4_102_444_800_000)
FIELDS: dict[str, tuple[Field, ...]] = {
    "customer": (
        Field("customerName", "string", False),
        Field("email", "string", True, address=True),
        Field("phone", "string", False),
        Field("birthDay", "string", False),
        Field("serialNumber", "string", True),
        Field("registrationDate", "long", True, _PLAUSIBLE),
        Field("lastUpdateDate", "long", True, _PLAUSIBLE),
        Field("shareWithResearchAsOfDate", "long", False, _PLAUSIBLE),
        Field("shareWithPublicAsOfDate", "long", False, _PLAUSIBLE),
        Field("shareWithFriendsAsOfDate", "long", False, _PLAUSIBLE),
    ),
    "accelerometer": (
        Field("user", "string", True, address=True),
        Field("timestamp", "long", True, _PLAUSIBLE),
        Field("x", "double", True),
        Field("y", "double", True),
        Field("z", "double", True),
    ),
    "step_trainer": (
        Field("sensorReadingTime", "long", True, _PLAUSIBLE),
        Field("serialNumber", "string", True),
        Field("distanceFromObject", "long", True),
    ),
}
"""The keys of each landing folder's lines, in their order; a test holds them to the model."""

Members = dict[str, str]
"""The members of a line: each key with its value as it stands in the JSON text."""


def written(members: Members) -> str:
    """A line out of its members, without a line feed."""
    return "{" + ",".join(f'"{key}":{value}' for key, value in members.items()) + "}"


def customer_members(record: Record) -> Members:
    """The members of a customer's line; what was not given is not there."""
    values = (
        record.name,
        record.email,
        record.phone,
        record.birthday,
        record.serial,
        record.registered,
        record.updated,
        record.research,
        record.public,
        record.friends,
    )
    # No invented text has a character that JSON would have escaped.
    return {
        field.name: f'"{value}"' if isinstance(value, str) else str(value)
        for field, value in zip(FIELDS["customer"], values, strict=True)
        if value is not None
    }


def customer_line(record: Record) -> str:
    """A customer's line; the website, unlike the sensors, writes blanks between its tokens."""
    return "{" + ", ".join(f'"{k}": {v}' for k, v in customer_members(record).items()) + "}\n"


def accelerometer_line_start(user: str) -> str:
    """What stands before the timestamp; the gait has what stands after it."""
    return f'{{"user":"{user}","timestamp":'


STEP_LINE_START = '{"sensorReadingTime":'
"""What stands before the time of a step reading."""


def step_line_middle(serial: str) -> str:
    """What stands between the time of a step reading and its distance."""
    return f',"serialNumber":"{serial}","distanceFromObject":'
