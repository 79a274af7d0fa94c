"""What a case is: one of ours, the peers beside it, and the numbers that are looked at.

Touches nothing. The functions are scenes; they get a stage, and how much of a full run to do (1 is all of it).
"""

from dataclasses import dataclass
from typing import Callable, Optional


@dataclass(frozen=True)
class Metric:
    """One number of a case: its key in the scene's result, what it adds to the case's name, and its unit."""

    key: str
    suffix: str
    unit: str


@dataclass(frozen=True)
class Peer:
    name: str
    run: Callable
    laned: bool = False  # it is libipc, too: beside ours on one lane it runs on the same
    module: Optional[str] = None  # of Python, without which it is left out


@dataclass(frozen=True)
class Cell:
    """The case is one of many, which are shown as a table of ratios of this title: producers down, consumers across."""

    title: str
    producers: int
    consumers: int


@dataclass(frozen=True)
class Case:
    name: str
    language: str
    metrics: tuple
    ours: Callable
    peers: tuple = ()
    extra: bool = False  # only when it is asked for
    cell: Optional[Cell] = None
    lane: Optional[str] = None  # the only one that it is measured on
    section: str = ""  # of a document: a table of its own there

    @property
    def label(self):
        return f"{self.language}: {self.name}"


RATE = (Metric("rate", "", "messages/s"),)
RATE_CPU = (*RATE, Metric("cpu", ", CPU of all processes", "us/message"))
ROUND_TRIP = (Metric("round_trip_p50", " p50", "us"), Metric("round_trip_p99", " p99", "us"))
ONE_WAY = (Metric("one_way_p50", " p50", "us"), Metric("one_way_p99", " p99", "us"))
OPERATIONS = (Metric("operations_p50", " p50", "us"), Metric("operations_p99", " p99", "us"))

GAPS = (("back to back", 0, 2000), ("after 10 ms", 10_000, 100))


def some(count, share):
    """So many of them, for a share of the full run."""
    return max(int(count * share), 20)
