"""The search for the largest lab that a machine runs validly: which size to try next.

Sizes double from the least until one is invalid, then the gap between the largest valid and the
smallest invalid one is halved until it is small: lateness is noisy, and a finer answer would be
chance. For the same reason a size that fails by little is tried once more, and counts as valid
if that goes well. Pure: `next` says what to try, `tell` what came of it.
"""

from __future__ import annotations

PRECISION = 0.05  # of the largest valid size: the gap that is left
TRIES = 2  # of a size that fails by little


class Search:
    """Finds the largest valid size from `least` to `most`, which is tried too, by `step`s."""

    def __init__(self, least: int, most: int, step: int = 1) -> None:
        if not 0 < least <= most:
            raise ValueError(f"sizes from 1 and in order expected, got {least} and {most}")
        self._least = least
        self._most = least + (most - least) // step * step
        self._step = step
        self._failures: dict[int, int] = {}
        self.largest: int | None = None  # the largest that was valid
        self.invalid: int | None = None  # the smallest that was not

    @property
    def next(self) -> int | None:
        """The size to try now; None when the search is over."""
        largest, invalid = self.largest, self.invalid
        if largest is None:
            return self._least if invalid is None else None
        if invalid is None:
            return None if largest == self._most else self._up(largest, 2 * largest)
        if invalid - largest <= max(self._step, PRECISION * largest):
            return None
        return self._up(largest, (largest + invalid) // 2)

    def tell(self, size: int, *, valid: bool, clear: bool = False) -> None:
        """Take what came of a size; `clear` says that a second try would be a waste."""
        if valid:
            self.largest = size
            return
        self._failures[size] = self._failures.get(size, 0) + 1
        if clear or self._failures[size] >= TRIES:
            self.invalid = size

    def _up(self, largest: int, target: int) -> int:
        """Go from a valid size up to `target`, in whole steps, one at least."""
        return largest + self._step * max(1, (min(target, self._most) - largest) // self._step)
