"""Where every row went, by brute force: what the oracle of the tables left out, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from oracle import (
    Customer,
    Landing,
    Motion,
    Row,
    Step,
    _consented,
    _held_back,
    _latest,
    _person,
    lakehouse,
)

Account = Counter[str]
Accounts = dict[tuple[str, str], Account]
"""Rows by reason, by job and the table that they are rows of."""

CUSTOMERS = ("customer_landing_to_trusted", "customer_landing")
READINGS = ("accelerometer_landing_to_trusted", "accelerometer_landing")
CURATED = ("customer_trusted_to_curated", "customer_trusted")
STEPS = ("step_trainer_trusted", "step_trainer_landing")
HEARD = ("machine_learning_curated", "accelerometer_trusted")
STEPPED = ("machine_learning_curated", "step_trainer_trusted")
HELD_BACK = "held back: a newer record cannot be read"


def accounts(landing: Landing, policy: str) -> Accounts:
    """The rows that each job leaves out; pairs beyond the first of a row are below zero."""
    customers = [Customer(*row) for row in landing.rows["customer_landing"]]
    motions = [Motion(*row) for row in landing.rows["accelerometer_landing"]]
    steps = [Step(*row) for row in landing.rows["step_trainer_landing"]]
    tables = lakehouse(landing, policy)
    trusted = [Customer(*row) for row in tables["customer_trusted"]]
    curated = [Customer(*row) for row in tables["customers_curated"]]
    heard = [Motion(*row) for row in tables["accelerometer_trusted"]]
    stepped = [Step(*row) for row in tables["step_trainer_trusted"]]
    strict = policy == "strict"
    if policy == "published":
        told = {
            CUSTOMERS: Account("no consent" for c in customers if c.consent is None),
            READINGS: _published_readings(customers, trusted, motions),
        }
    else:
        told = {
            CUSTOMERS: _customers(customers, landing),
            READINGS: _readings(customers, motions, landing),
        }
    moved = {motion.user for motion in heard}
    told[CURATED] = Account("no trusted reading" for c in trusted if c.email not in moved)
    if strict:
        told[STEPS] = _steps(customers, motions, steps, curated, landing)
    else:
        doubted = set[str]() if policy == "published" else _doubted(customers, landing)
        told[STEPS] = _published_steps(customers, trusted, curated, steps, doubted)
    serial_of = {c.email: c.serial for c in curated} if strict else {}
    keys = [(serial_of.get(m.user, "") if strict else "", m.instant) for m in heard]
    others = [(s.serial if strict else "", s.instant) for s in stepped]
    told[HEARD], told[STEPPED] = _pairs(keys, others), _pairs(others, keys)
    return told


def _customers(customers: list[Customer], landing: Landing) -> Account:
    latest = _latest(customers)
    out = _held_back(latest, landing.held_back)
    told = Account("no consent" for customer in latest.values() if customer.consent is None)
    agreed = {person for person, customer in latest.items() if customer.consent is not None}
    told[HELD_BACK] = len(agreed & out)
    told["older record of the same customer"] = len(customers) - len(latest)
    return told


def _readings(customers: list[Customer], motions: list[Motion], landing: Landing) -> Account:
    latest, told, seen = _latest(customers), Account(), set[Row]()
    out = _held_back(latest, landing.held_back)
    for motion in motions:
        customer = latest.get(_person(motion.user))
        reading = motion._replace(user=_person(motion.user))
        if customer is None:
            told["no such customer"] += 1
        elif customer.consent is None:
            told["no consent"] += 1
        elif _person(motion.user) in out:
            told[HELD_BACK] += 1
        elif not _consented(customer, motion.instant):
            told["before the consent"] += 1
        elif reading in seen:
            told["exact duplicate"] += 1
        seen.add(reading)
    return told


def _published_readings(
    customers: list[Customer], trusted: list[Customer], motions: list[Motion]
) -> Account:
    known, agreed = {c.email for c in customers}, {c.email for c in trusted}
    return Account(
        "no consent" if motion.user in known else "no such customer"
        for motion in motions
        if motion.user not in agreed
    )


def _steps(
    customers: list[Customer],
    motions: list[Motion],
    steps: list[Step],
    curated: list[Customer],
    landing: Landing,
) -> Account:
    latest = _latest(customers)
    out = _held_back(latest, landing.held_back)
    holders: dict[str, set[Any]] = defaultdict(set)
    for person, customer in latest.items():
        holders[customer.serial].add(person)
    present = {(_person(motion.user), motion.instant) for motion in motions}
    anybodys = set()
    for held in landing.held_back:
        if held.table == "customer_landing" and held.serial is not None:
            holders[held.serial].add(held.place if held.email is None else _person(held.email))
        elif held.table == "accelerometer_landing" and held.email is not None:
            present.add((_person(held.email), held.instant))
        elif held.table == "accelerometer_landing":
            anybodys.add(held.instant)
    kept = {_person(customer.email) for customer in curated}
    told, seen = Account(), set[Step]()
    for step in steps:
        owners = holders.get(step.serial, set())
        shared = len(owners) > 1
        if shared and step.instant in anybodys:
            told["nobody's: a reading that cannot be read may be any holder's"] += 1
            continue
        if not owners:
            told["no such customer"] += 1
            continue
        if shared:
            owners = {person for person in owners if (person, step.instant) in present}
        if len(owners) != 1:
            how_many = "several holders" if owners else "no holder"
            verb = "were" if owners else "was"
            told[f"nobody's: {how_many} of the serial {verb} there"] += 1
            continue
        (person,) = owners
        owner = latest.get(person)
        if owner is None or owner.serial != step.serial:
            told["nobody's: the holder's record cannot be read"] += 1
        elif owner.consent is None:
            told["no consent"] += 1
        elif person in out:
            told[HELD_BACK] += 1
        elif not _consented(owner, step.instant):
            told["before the consent"] += 1
        elif person not in kept:
            told["owner not curated"] += 1
        elif step in seen:
            told["exact duplicate"] += 1
        seen.add(step)
    return told


def _doubted(customers: list[Customer], landing: Landing) -> set[str]:
    """Serial numbers of those who agreed in their latest record, and are held back."""
    latest = _latest(customers)
    out = _held_back(latest, landing.held_back)
    return {c.serial for person, c in latest.items() if c.consent is not None and person in out}


def _published_steps(
    customers: list[Customer],
    trusted: list[Customer],
    curated: list[Customer],
    steps: list[Step],
    doubted: set[str],
) -> Account:
    known, agreed = {c.serial for c in customers}, {c.serial for c in trusted}
    kept = {c.serial for c in curated}
    told = Account()
    for step in steps:
        if step.serial in kept:
            continue
        if step.serial in agreed:
            told["owner not curated"] += 1
        elif step.serial in doubted:
            told[HELD_BACK] += 1
        else:
            told["no consent" if step.serial in known else "no such customer"] += 1
    return told


def _pairs(keys: list[tuple[str, int]], others: list[tuple[str, int]]) -> Account:
    number, told = Counter(others), Account()
    for key in keys:
        if number[key]:
            told["further pairs"] -= number[key] - 1
        else:
            told["without partner"] += 1
    return told
