"""A figure with what it is of: a row of the tables of cases that have no common columns."""

import dataclasses


@dataclasses.dataclass
class Note:
    what: str
    value: object
