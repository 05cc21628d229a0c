from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgplab.observe.histogram import LatenessHistogram

lateness = st.lists(st.floats(1e-6, 100.0), min_size=1, max_size=200)


def histogram_of(values):
    histogram = LatenessHistogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(lateness, st.floats(0, 100))
def test_a_percentile_is_off_by_less_than_ten_percent(values, percent):
    exact = sorted(values)[max(1, ceil(len(values) * percent / 100)) - 1]
    assert histogram_of(values).percentile(percent) == pytest.approx(exact, rel=0.1)


@given(lateness, lateness)
def test_merging_is_as_if_all_values_had_come_to_one(left, right):
    merged = histogram_of(left)
    merged.merge(histogram_of(right))
    assert merged.to_bytes() == histogram_of(left + right).to_bytes()


@given(lateness)
def test_octets_carry_the_whole_histogram(values):
    histogram = histogram_of(values)
    copy = LatenessHistogram.from_bytes(histogram.to_bytes())
    assert copy.to_bytes() == histogram.to_bytes()
    assert (copy.count, copy.maximum) == (len(values), max(values))
    assert len(copy.to_bytes()) == len(LatenessHistogram().to_bytes())


def test_an_empty_histogram_knows_no_lateness():
    empty = LatenessHistogram()
    assert (empty.count, empty.maximum, empty.percentile(99)) == (0, 0.0, 0.0)


def test_values_outside_the_scale_are_counted_at_its_ends():
    histogram = histogram_of([-1.0, 0.0, 1e-9])
    assert histogram.count == 3
    assert histogram.percentile(100) == pytest.approx(1e-9)
    histogram.add(5000.0)
    assert histogram.percentile(100) == histogram.maximum == 5000.0


@pytest.mark.parametrize("percent", [-1, 100.5])
def test_a_percentage_beyond_100_is_refused(percent):
    with pytest.raises(ValueError, match="0 to 100"):
        LatenessHistogram().percentile(percent)


def test_octets_of_another_length_are_refused():
    with pytest.raises(ValueError, match="octets expected"):
        LatenessHistogram.from_bytes(b"abc")
