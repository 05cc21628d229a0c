"""How late timers were, in fixed memory: a histogram with buckets on a logarithmic scale.

Buckets from 1 us to 100 s, each 10 % wider than the last, so that a percentile is off by less
than 5 %. What lies below counts as 1 us or less, what lies above as 100 s or more.
"""

from __future__ import annotations

import struct
from array import array
from math import ceil, exp, log

LEAST = 1e-6  # seconds; upper edge of the first bucket
GREATEST = 100.0  # seconds; lower edge of the last bucket
_STEP = log(1.1)
_LOG_LEAST = log(LEAST)
_BUCKETS = 2 + ceil((log(GREATEST) - _LOG_LEAST) / _STEP)
_FORMAT = struct.Struct(f"<d{_BUCKETS}Q")


class LatenessHistogram:
    """Counts of lateness; `maximum` is exact, in seconds."""

    __slots__ = ("_counts", "maximum")

    def __init__(self) -> None:
        self._counts = array("Q", bytes(8 * _BUCKETS))
        self.maximum = 0.0

    @property
    def count(self) -> int:
        """How many values were added."""
        return sum(self._counts)

    def add(self, seconds: float) -> None:
        """Count one value. A timer that fires early counts as not late."""
        self.maximum = max(self.maximum, seconds)
        if seconds <= LEAST:
            bucket = 0
        elif seconds >= GREATEST:
            bucket = _BUCKETS - 1
        else:
            bucket = 1 + int((log(seconds) - _LOG_LEAST) / _STEP)
        self._counts[bucket] += 1

    def merge(self, other: LatenessHistogram) -> None:
        """Add what `other` counted; the result is as if all values had come here."""
        self.maximum = max(self.maximum, other.maximum)
        for bucket, count in enumerate(other._counts):
            if count:
                self._counts[bucket] += count

    def percentile(self, percent: float) -> float:
        """Estimate the value that `percent` (0 to 100) of all values do not exceed, in seconds.

        0 when nothing was counted. Raises ValueError for other percentages.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"a percentage from 0 to 100 expected, got {percent}")
        rank = max(1, ceil(self.count * percent / 100))
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if seen >= rank:
                return min(self.maximum, self._middle(bucket))
        return 0.0

    def _middle(self, bucket: int) -> float:
        """Take the geometric middle of a bucket; of the last, endless one the maximum."""
        if bucket == 0:
            return LEAST
        if bucket == _BUCKETS - 1:
            return self.maximum
        return exp(_LOG_LEAST + (bucket - 0.5) * _STEP)

    def to_bytes(self) -> bytes:
        """Write maximum and counts, for another process."""
        return _FORMAT.pack(self.maximum, *self._counts)

    @classmethod
    def from_bytes(cls, data: bytes) -> LatenessHistogram:
        """Read what `to_bytes` wrote. Raises ValueError for other octets."""
        if len(data) != _FORMAT.size:
            raise ValueError(f"histogram: {_FORMAT.size} octets expected, got {len(data)}")
        histogram = cls()
        histogram.maximum, *counts = _FORMAT.unpack(data)
        histogram._counts = array("Q", counts)
        return histogram
