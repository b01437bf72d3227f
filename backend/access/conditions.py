"""The conditions of statements: what they may test, how they are written, and whether they hold. Pure.

    {"StringEquals": {"dms:documentType": ["contract", "invoice"]}, "IpAddress": {"dms:sourceIp": "10.0.0.0/8"}}

All tests must hold; of a test's values one must match, or none where the operator is a negation. An attribute that is
absent (a folder has no tags) matches nothing: negations hold of it, other operators do not. As in AWS IAM,
`…IfExists` makes a test hold where the attribute is absent, `ForAnyValue:` and `ForAllValues:` speak of attributes with
many values, and `Null` asks whether there is any.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache

from backend.access.patterns import like

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Value = str | int | bool | datetime | Decimal | Address
_Ordered = int | Decimal | datetime
Attributes = Mapping[str, tuple[Value, ...]]
"""What is known of the resource, the actor and the moment, by key; without a value, absent."""

USER_ID = "${user.id}"
_LARGEST, _DIGITS = Decimal(10) ** 30, 60
_VARIABLE = re.compile(r"\$\{[^}]*\}?")
PROPERTY = "dms:property/"


class Kind(StrEnum):
    """What the values of a key are, and so which operators may test it."""

    TEXT = "String"
    NUMBER = "Numeric"
    TIME = "Date"
    TRUTH = "Bool"
    ADDRESS = "IpAddress"


DOCUMENT_KEYS: Mapping[str, Kind] = {
    "dms:documentType": Kind.TEXT,
    "dms:classification": Kind.TEXT,
    "dms:tag": Kind.TEXT,
    "dms:owner": Kind.TEXT,
    "dms:status": Kind.TEXT,
    "dms:name": Kind.TEXT,
    "dms:size": Kind.NUMBER,
    "dms:createdAt": Kind.TIME,
    "dms:updatedAt": Kind.TIME,
}
"""What is known of a document, beside `dms:property/<name>`.

The type is the property `type`, or without one the kind of its content (`pdf`, `image`, …); the classification is the
property of that name; the owner is a user's id; the status is `active` or `trashed`; the size is in bytes.
"""
CONTEXT_KEYS: Mapping[str, Kind] = {
    "dms:sourceIp": Kind.ADDRESS,
    "dms:currentTime": Kind.TIME,
    "dms:userId": Kind.TEXT,
    "dms:administrator": Kind.TRUTH,
}
"""What is known of who asks, from where and when."""


def kind_of(key: str) -> Kind | None:
    """Return what the values of a key are; None where there is no such key."""
    if key.startswith(PROPERTY) and len(key) > len(PROPERTY):
        return Kind.TEXT
    return DOCUMENT_KEYS.get(key) or CONTEXT_KEYS.get(key)


def is_of_document(key: str) -> bool:
    """Tell whether a key is an attribute of documents, rather than of the request."""
    return key not in CONTEXT_KEYS


class Comparison(StrEnum):
    """How an attribute's value is compared with one that the condition names."""

    EQUAL = "="
    LIKE = "like"
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    WITHIN = "within"
    ABSENT = "absent"


class Quantifier(StrEnum):
    """Of how many of an attribute's values a test speaks."""

    ANY = "any"
    """Of any; a negation: of none."""
    FOR_ANY = "ForAnyValue"
    """Of at least one, negation or not."""
    FOR_ALL = "ForAllValues"


def _operators() -> dict[str, tuple[Kind | None, Comparison, bool]]:
    operators: dict[str, tuple[Kind | None, Comparison, bool]] = {
        "StringLike": (Kind.TEXT, Comparison.LIKE, False),
        "StringNotLike": (Kind.TEXT, Comparison.LIKE, True),
        "Bool": (Kind.TRUTH, Comparison.EQUAL, False),
        "IpAddress": (Kind.ADDRESS, Comparison.WITHIN, False),
        "NotIpAddress": (Kind.ADDRESS, Comparison.WITHIN, True),
        "Null": (None, Comparison.ABSENT, False),
    }
    for kind in (Kind.TEXT, Kind.NUMBER, Kind.TIME):
        operators[f"{kind}Equals"] = (kind, Comparison.EQUAL, False)
        operators[f"{kind}NotEquals"] = (kind, Comparison.EQUAL, True)
    for kind in (Kind.NUMBER, Kind.TIME):
        operators[f"{kind}LessThan"] = (kind, Comparison.LESS, False)
        operators[f"{kind}LessThanEquals"] = (kind, Comparison.AT_MOST, False)
        operators[f"{kind}GreaterThan"] = (kind, Comparison.MORE, False)
        operators[f"{kind}GreaterThanEquals"] = (kind, Comparison.AT_LEAST, False)
    return operators


OPERATORS = _operators()


@dataclass(frozen=True, slots=True)
class Test:
    """One key, compared with values."""

    key: str
    comparison: Comparison
    values: tuple[Value | Network, ...]
    is_negated: bool = False
    quantifier: Quantifier = Quantifier.ANY
    if_exists: bool = False


Condition = tuple[Test, ...]
NO_CONDITION: Condition = ()
ConditionJson = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a JSON document, and where: a JSON pointer (RFC 6901)."""

    pointer: str
    detail: str


def step(pointer: str, name: str | int) -> str:
    """Return the pointer to what a pointer's target has under a name."""
    return f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"


def parse_condition(document: object, pointer: str, faults: list[Fault]) -> Condition:
    """Return what the JSON of a condition means, and add to the faults what it cannot."""
    if not isinstance(document, dict):
        faults.append(Fault(pointer, "A condition is an object: operators, with their tests."))
        return NO_CONDITION
    tests: list[Test] = []
    for name, keys in document.items():
        here = step(pointer, name)
        if not isinstance(keys, dict) or not keys:
            faults.append(Fault(here, "An operator has an object: keys, with their values."))
            continue
        for key, values in keys.items():
            test = _test(name, key, values, step(here, key), faults)
            if test is not None:
                tests.append(test)
    return tuple(tests)


def _test(name: str, key: str, given: object, pointer: str, faults: list[Fault]) -> Test | None:
    quantifier, _, bare = name.rpartition(":")
    operator = OPERATORS.get(bare.removesuffix("IfExists"))
    if operator is None or quantifier not in {"", Quantifier.FOR_ANY, Quantifier.FOR_ALL}:
        known = ", ".join(sorted(OPERATORS))
        faults.append(
            Fault(pointer.rpartition("/")[0], f"There is no operator {name}; there are {known}.")
        )
        return None
    expected, comparison, is_negated = operator
    kind = kind_of(key)
    if kind is None:
        known = ", ".join([*DOCUMENT_KEYS, *CONTEXT_KEYS, f"{PROPERTY}<name>"])
        faults.append(Fault(pointer, f"There is no key {key}; there are {known}."))
        return None
    if expected not in {None, kind}:
        faults.append(Fault(pointer, f"{name} does not compare {key}, which is {kind}."))
        return None
    values = _values(given, expected or Kind.TRUTH, pointer, faults)
    if not values:
        return None
    return Test(
        key,
        comparison,
        tuple(values),
        is_negated,
        Quantifier(quantifier or Quantifier.ANY),
        bare.endswith("IfExists"),
    )


def _values(given: object, kind: Kind, pointer: str, faults: list[Fault]) -> list[Value | Network]:
    many = given if isinstance(given, list) else [given]
    if not many:
        faults.append(Fault(pointer, "Name at least one value."))
    values: list[Value | Network] = []
    for place, one in enumerate(many):
        where = step(pointer, place) if isinstance(given, list) else pointer
        try:
            values.append(_READERS[kind](one))
        except _CannotBeReadError as error:
            faults.append(Fault(where, str(error)))
    return values


class _CannotBeReadError(Exception):
    """A value is not of the kind its operator compares."""


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _CannotBeReadError("This takes text.")
    text = str(value)
    unknown = [name for name in _VARIABLE.findall(text) if name != USER_ID]
    if unknown:
        raise _CannotBeReadError(f"There is no variable {unknown[0]}; there is {USER_ID}.")
    if "\0" in text:
        raise _CannotBeReadError("U+0000 is in no text.")
    return text


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _CannotBeReadError("This takes a number.")
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise _CannotBeReadError("This takes a number.") from error
    if not number.is_finite() or abs(number) >= _LARGEST or len(number.as_tuple().digits) > _DIGITS:
        raise _CannotBeReadError("This takes a number of at most 30 digits.")
    return number


def _time(value: object) -> datetime:
    if not isinstance(value, str):
        raise _CannotBeReadError("This takes a time such as 2026-03-31T08:00:00Z.")
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            day = date.fromisoformat(value)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _CannotBeReadError("This takes a time such as 2026-03-31T08:00:00Z.") from error


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    raise _CannotBeReadError("This takes true or false.")


def _network(value: object) -> Network:
    if not isinstance(value, str):
        raise _CannotBeReadError("This takes an address or a network such as 10.0.0.0/8.")
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise _CannotBeReadError(
            "This takes an address or a network such as 10.0.0.0/8."
        ) from error


_READERS: Mapping[Kind, Callable[[object], Value | Network]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.TIME: _time,
    Kind.TRUTH: _truth,
    Kind.ADDRESS: _network,
}


def holds(condition: Condition, attributes: Attributes) -> bool:
    """Tell whether all the tests of a condition hold of attributes."""
    return all(_holds(test, attributes) for test in condition)


def _holds(test: Test, attributes: Attributes) -> bool:
    present = attributes.get(test.key, ())
    if test.comparison is Comparison.ABSENT:
        return (not present) in test.values
    if not present and test.if_exists:
        return True
    wanted = resolved(test, attributes)
    matches = [any(_compare(test.comparison, value, one) for one in wanted) for value in present]
    match test.quantifier:
        case Quantifier.ANY:
            return any(matches) != test.is_negated
        case Quantifier.FOR_ANY:
            return any(match != test.is_negated for match in matches)
        case Quantifier.FOR_ALL:
            return all(match != test.is_negated for match in matches)


def resolved(test: Test, attributes: Attributes) -> list[Value | Network]:
    """Return the values of a test with its variables replaced; those with a variable that has no value are left out."""
    user = attributes.get("dms:userId", ())
    values: list[Value | Network] = []
    for value in test.values:
        if not isinstance(value, str) or USER_ID not in value:
            values.append(value)
        elif user:
            values.append(value.replace(USER_ID, str(user[0])))
    return values


def address_of(text: str | None) -> tuple[Value, ...]:
    """Return a network address as the attribute it is; an IPv4 address written as IPv6 is the IPv4 address."""
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return ()
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address,)


def _compare(comparison: Comparison, value: Value, wanted: Value | Network) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        return like(value, wanted) if comparison is Comparison.LIKE else value == wanted
    if isinstance(value, Address) and isinstance(wanted, Network):
        return value in wanted
    if isinstance(value, _Ordered) and isinstance(wanted, _Ordered):
        return _ordered(comparison, value, wanted)
    return False


def _ordered(comparison: Comparison, value: _Ordered, wanted: _Ordered) -> bool:
    left, right = _orderable(value), _orderable(wanted)
    match comparison:
        case Comparison.LESS:
            return left < right
        case Comparison.AT_MOST:
            return left <= right
        case Comparison.MORE:
            return left > right
        case Comparison.AT_LEAST:
            return left >= right
        case _:
            return left == right


def _orderable(value: _Ordered) -> Decimal:
    if isinstance(value, datetime):
        since = value - datetime(1970, 1, 1, tzinfo=UTC)
        return Decimal(since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds)
    return Decimal(value)


@lru_cache(maxsize=4096)
def condition_from(text: str) -> Condition:
    """Return a condition from the JSON it was stored as; it was checked before it was stored."""
    return parse_condition(json.loads(text), "", [])
