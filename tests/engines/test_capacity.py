"""The search for the largest valid size, with probes that are made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgplab.engines.capacity import PRECISION, Search


def searched(search, fits, *, clear=False):
    """Play a search; give the sizes in the order of their tries."""
    tried = []
    while (size := search.next) is not None:
        tried.append(size)
        assert len(tried) < 200
        search.tell(size, valid=fits(size), clear=clear)
    return tried


def test_sizes_double_then_the_gap_is_halved_and_a_failure_is_tried_twice():
    search = Search(2, 100)
    tried = searched(search, lambda size: size <= 11)
    assert tried == [2, 4, 8, 16, 16, 12, 12, 10, 11]
    assert (search.largest, search.invalid) == (11, 12)


def test_a_clear_failure_is_not_tried_again():
    search = Search(2, 100)
    assert searched(search, lambda size: size <= 11, clear=True) == [2, 4, 8, 16, 12, 10, 11]


def test_if_all_fit_the_greatest_is_the_answer_and_is_tried():
    search = Search(3, 20)
    assert searched(search, lambda size: True) == [3, 6, 12, 20]
    assert (search.largest, search.invalid) == (20, None)


def test_if_not_even_the_least_fits_there_is_no_answer():
    search = Search(3, 20)
    assert searched(search, lambda size: False) == [3, 3]
    assert (search.largest, search.invalid) == (None, 3)


def test_one_failure_by_chance_changes_nothing():
    search = Search(10, 80)
    failing = [20]

    def fits(size):
        if size in failing:
            failing.remove(size)
            return False
        return size <= 40

    tried = searched(search, fits)
    assert tried[:4] == [10, 20, 20, 40]
    assert (search.largest or 0) >= 40 / (1 + PRECISION)


def test_a_single_size_is_tried_alone():
    assert searched(Search(5, 5), lambda size: True) == [5]


@pytest.mark.parametrize("least,most", [(0, 4), (5, 4), (-1, 4)])
def test_sizes_out_of_order_are_refused(least, most):
    with pytest.raises(ValueError):
        Search(least, most)


@given(
    least=st.integers(1, 50),
    more=st.integers(0, 2000),
    step=st.integers(1, 7),
    bound=st.integers(0, 2100),
    clear=st.booleans(),
)
def test_the_answer_is_within_the_precision_and_on_the_grid(least, more, step, bound, clear):
    search = Search(least, least + more, step)
    tried = searched(search, lambda size: size <= bound, clear=clear)
    grid = range(least, least + more + 1, step)
    fitting = [size for size in grid if size <= bound]
    assert all(size in grid for size in tried)
    assert all(tried.count(size) <= 2 for size in tried)
    if not fitting:
        assert search.largest is None
        return
    assert search.largest is not None
    assert search.largest in fitting
    assert fitting[-1] - search.largest <= max(0, PRECISION * search.largest)
