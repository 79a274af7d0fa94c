"""Measuring: runs of ours, on each lane, and of theirs in turn; medians of the pairwise ratios.

Touches stages. Runs are one at a time: a machine that is shared by two measures neither.
"""

import statistics
from dataclasses import dataclass
from typing import Optional

from . import driver
from .case import Cell


@dataclass(frozen=True)
class Row:
    """One line of the table. ratio is ours over theirs: the median over the pairs of runs, not the medians' ratio."""

    name: str
    language: str
    lane: str
    ours: float
    theirs: Optional[float]
    peer: Optional[str]
    unit: str
    ratio: Optional[float]
    cell: Optional[Cell] = None
    section: str = ""


@dataclass(frozen=True)
class Conditions:
    """Under which everything is measured."""

    build: str
    lanes: tuple
    cpus: tuple  # of those who are pinned: the one who asks, the one who answers, the hub
    rounds: int
    timeout: float
    share: float  # of a full run


class _Series:
    """The runs of one side. One that fails is the last."""

    def __init__(self, who, run, lane):
        self.who = who
        self.run = run
        self.lane = lane
        self.numbers = []
        self.failure = None

    def go(self, conditions):
        if self.failure:
            return
        try:
            with driver.Stage(conditions.build, conditions.timeout, self.lane, conditions.cpus) as stage:
                self.numbers.append(self.run(stage, conditions.share))
        except driver.Failed as reason:
            self.failure = f"{self.who}: {reason}"

    def values(self, key):
        return [numbers[key] for numbers in self.numbers]


def measure(case, conditions, progress):
    """The case's rows, and what failed. Peers run once for all lanes, but for those who have one themselves."""
    lanes = [lane for lane in conditions.lanes if case.lane in (lane, None)]
    ours = {lane: _Series(lane, case.ours, lane) for lane in lanes}
    theirs = {}
    for peer in case.peers:
        shared = None if peer.laned else _Series(peer.name, peer.run, None)
        for lane in lanes:
            theirs[peer.name, lane] = shared or _Series(f"{peer.name}, {lane}", peer.run, lane)
    everybody = list(dict.fromkeys([*ours.values(), *theirs.values()])) if lanes else []
    for number in range(conditions.rounds):
        progress(number + 1)
        for series in everybody:
            series.go(conditions)
    rows = [
        row
        for metric in case.metrics for lane in lanes if not ours[lane].failure
        for row in _rows(case, metric, ours[lane], [(peer, theirs[peer.name, lane]) for peer in case.peers])
    ]
    return rows, [f"{case.label}, {series.failure}" for series in everybody if series.failure]


def _rows(case, metric, ours, beside):
    """One for each peer that has run; one without when there is none."""
    pairs = [(peer.name, series) for peer, series in beside if not series.failure]
    return [_row(case, metric, ours, *pair) for pair in pairs or [(None, None)]]


def _row(case, metric, ours, peer, theirs):
    mine = ours.values(metric.key)
    other = theirs.values(metric.key) if theirs else []
    ratios = [one / two for one, two in zip(mine, other)]
    return Row(
        name=case.name + metric.suffix,
        language=case.language,
        lane=ours.lane,
        ours=statistics.median(mine),
        theirs=statistics.median(other) if other else None,
        peer=peer,
        unit=metric.unit,
        ratio=statistics.median(ratios) if ratios else None,
        cell=case.cell,
        section=case.section,
    )
