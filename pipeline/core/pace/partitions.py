"""Partitions: which partition keys are at their own limit, whatever the table as a whole takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.pace.hot import RULE, HotPartition, Recent, units_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from pipeline.core.pace.hot import Keyed

__all__ = ["Partitions"]

_ENOUGH = 3.0
"""Items that are no chance: of a partition, refused; of others, to compare with."""

_MASS = 5
"""Items of one partition in one request that, if nothing but they is refused, tell at once."""

_NEAR_RULE = 0.6
"""Share of the rule from which a partition may well be at its own limit, though others are too."""

_LIKE = 0.5
"""Share of a partition's refusals from which others are refused like it: then it is the table."""

_MOST_HOT = 256
_MOST_SUSPECTS = 1_024
"""Partition values that are kept in mind at most, however many the source has."""

_REMEMBERED = 5.0
"""Seconds without any refusal after which nobody is a suspect."""

_ALIVE = 1.0
"""Seconds for which an accepted item proves that the table as a whole is alive."""

_NONE: frozenset[Hashable] = frozenset()


class Partitions:
    """
    The partition values of a run that the table refuses while it takes others.

    A value is *hot* when enough of it was refused, in requests or at times in which others were
    accepted, or when the service's own reasons say so. Where others are refused like it the table
    as a whole is at its limit, and nothing is called hot. While nothing but one value is sent
    nobody can tell; it is called hot then, so that others are tried, which tells.

    Memory is bounded: a run of millions of partition values remembers a thousand at most.
    """

    def __init__(self) -> None:
        self._hot: dict[Hashable, HotPartition] = {}
        self._suspects: dict[Hashable, Recent] = {}
        self._cold = Recent()
        self._paced = Recent()
        self._accepted_at: float | None = None
        self._refused_at = 0.0
        self._told = False

    def __repr__(self) -> str:
        return f"<Partitions {len(self._hot)} hot, {len(self._suspects)} suspect>"

    def __len__(self) -> int:
        return len(self._hot)

    def __getitem__(self, value: Hashable) -> HotPartition:
        return self._hot[value]

    def forget(self, value: Hashable) -> None:
        """Let go of a hot value: nothing of it has come for a while."""
        del self._hot[value]

    def expect(self, value: Hashable, now: float, *, refused: bool = False) -> bool:
        """Give a value the pace of the rule before it is refused; False if there are too many."""
        if value not in self._hot and len(self._hot) < _MOST_HOT:
            self._hot[value] = HotPartition(now, refused=refused)
            suspect = self._suspects.pop(value, None)
            if suspect is not None:
                self._cold.less(suspect)
        return value in self._hot

    def is_news(self) -> bool:
        """Tell, once, that there are hot partitions."""
        told, self._told = self._told, True
        return not told

    def alive(self, now: float) -> bool:
        """Tell whether the table as a whole has taken something just now."""
        return self._accepted_at is not None and now - self._accepted_at <= _ALIVE

    def judge(
        self,
        sent: Sequence[Keyed],
        returned: Sequence[Keyed],
        reasons: Sequence[str],
        now: float,
    ) -> frozenset[Hashable]:
        """
        Note how a request ended, and tell which partition values of *returned* are hot themselves.

        *sent* are all its items, *returned* those that were handed back (all of them if it was
        throttled as a whole), *reasons* the ThrottlingReasons that came with it, *now* the loop's
        time. What is returned of other partitions is the table's own limit.
        """
        if len(returned) < len(sent):
            self._accepted_at = now
        if returned:
            self._refused_at = now
        elif (self._suspects or self._hot) and now - self._refused_at > _REMEMBERED:
            self._forget_all()
        if not returned and not self._hot and not self._suspects:
            self._cold.note(len(sent), 0, 0, now)
            return _NONE
        counts = self._count(sent, returned)
        self._note(counts, len(sent), len(returned), now)
        hot = self._hot_of(counts, len(returned), reasons)
        for value, count in counts.items():
            if value in hot:
                self.expect(value, now, refused=True)
            if value in self._hot and (value in hot or not count.returned):
                self._hot[value].learn(count.units - count.refused, count.refused, now)
        return hot

    def _hot_of(
        self, counts: dict[Hashable, _Count], returned: int, reasons: Sequence[str]
    ) -> frozenset[Hashable]:
        of_table, of_partition = _classed(reasons)
        if of_table or not returned:
            return _NONE
        return frozenset(
            value
            for value, count in counts.items()
            if count.returned
            and self._is_hot(
                value,
                massed=count.sent >= _MASS and count.returned == returned,
                of_partition=of_partition,
            )
        )

    def _forget_all(self) -> None:
        """Let go of suspects, and of hot values for which nothing waits."""
        self._suspects.clear()
        self._hot = {value: hot for value, hot in self._hot.items() if hot.laned}

    def _count(self, sent: Sequence[Keyed], returned: Sequence[Keyed]) -> dict[Hashable, _Count]:
        """Count, in one request, each value that was returned or is watched."""
        counts: dict[Hashable, _Count] = {}
        for item in returned:
            count = counts.setdefault(item.key[0], _Count())
            count.returned += 1
            count.refused += units_of(item)
        for item in sent:
            value = item.key[0]
            if value in counts or value in self._hot or value in self._suspects:
                count = counts.setdefault(value, _Count())
                count.sent += 1
                count.units += units_of(item)
        return counts

    def _note(self, counts: dict[Hashable, _Count], sent: int, returned: int, now: float) -> None:
        for value, count in counts.items():
            what = (count.sent, count.returned, count.units - count.refused)
            hot = self._hot.get(value)
            if hot is not None:
                sent -= count.sent
                returned -= count.returned
                if now >= hot.settled:
                    self._paced.note(*what, now)
                    hot.recent.note(*what, now)
            elif value in self._suspects or count.returned > 1 or len(counts) <= _ENOUGH:
                self._suspect(value).note(*what, now)
        self._cold.note(sent, returned, 0, now)

    def _suspect(self, value: Hashable) -> Recent:
        suspect = self._suspects.get(value)
        if suspect is None:
            if len(self._suspects) >= _MOST_SUSPECTS:
                self._suspects.clear()
            suspect = self._suspects[value] = Recent()
        return suspect

    def _is_hot(self, value: Hashable, *, massed: bool, of_partition: bool) -> bool:
        hot = self._hot.get(value)
        if hot is not None:
            # What was sent before its pace was known tells nothing against it.
            own = hot.recent
            known = own.returned > 0 and own.rate < _NEAR_RULE * RULE
            return of_partition or not known or not self._like_others(own)
        suspect = self._suspects.get(value)
        if suspect is None or not (massed or suspect.returned >= _ENOUGH):
            return False
        if len(self._hot) >= _MOST_HOT:
            self._forget_all()
            return False
        return of_partition or not self._like_others(suspect)

    def _like_others(self, own: Recent) -> bool:
        """Tell whether others are refused like a partition of which *own* became of its items."""
        sent = self._cold.sent + self._paced.sent - own.sent
        returned = self._cold.returned + self._paced.returned - own.returned
        return sent >= _ENOUGH and returned / sent >= _LIKE * own.share


class _Count:
    """Items of one value in one request, and their write units."""

    __slots__ = ("refused", "returned", "sent", "units")

    def __init__(self) -> None:
        self.sent = self.returned = self.units = self.refused = 0


def _classed(reasons: Sequence[str]) -> tuple[bool, bool]:
    """Tell whether *reasons* blame the table as a whole, and whether they blame a partition."""
    of_partition = any("KeyRange" in reason for reason in reasons)
    of_table = any("KeyRange" not in reason for reason in reasons)
    return of_table, of_partition
