"""Measuring: runs of ours and theirs in turn, medians of the pairwise ratios.

Touches stages. Runs are one at a time: a machine that is shared by two measures neither.
"""

import statistics
from dataclasses import dataclass
from typing import Optional

from . import driver


@dataclass(frozen=True)
class Row:
    """One line of the table. ratio is ours over theirs: the median over the pairs of runs, not the medians' ratio."""

    name: str
    language: str
    ours: float
    theirs: Optional[float]
    peer: Optional[str]
    unit: str
    ratio: Optional[float]


def _run(function, build, timeout, share):
    with driver.Stage(build, timeout) as stage:
        return function(stage, share)


def measure(case, build, rounds, timeout, share, progress):
    """The case's rows. What fails raises driver.Failed, with the case's name."""
    ours, theirs = [], []
    for number in range(rounds):
        progress(f"{case.language}: {case.name}: run {number + 1} of {rounds}")
        ours.append(_run(case.ours, build, timeout, share))
        if case.theirs:
            theirs.append(_run(case.theirs, build, timeout, share))
    return [_row(case, metric, ours, theirs) for metric in case.metrics]


def _row(case, metric, ours, theirs):
    mine = [numbers[metric.key] for numbers in ours]
    other = [numbers[metric.key] for numbers in theirs]
    ratios = [one / two for one, two in zip(mine, other)]
    return Row(
        name=case.name + metric.suffix,
        language=case.language,
        ours=statistics.median(mine),
        theirs=statistics.median(other) if other else None,
        peer=case.peer,
        unit=metric.unit,
        ratio=statistics.median(ratios) if ratios else None,
    )
