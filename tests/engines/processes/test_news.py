"""Waiting for something to come true, looking only when there is news; in virtual time."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from bgplab.engines.processes.news import GAP, News
from bgplab.errors import LabError


class Bench:
    """Somebody who waits, the answers that the question gives, and when it was asked."""

    def __init__(self, answers=(), seconds=10.0):
        self.clock = Clock()
        self.news = News(self.clock)
        self.answers = list(answers)
        self.asked: list[float] = []
        self.found: list[object] = []
        waiting = Deferred.fromCoroutine(self.news.until(self.holds, seconds))
        waiting.addBoth(self.found.append)
        self.waiting = waiting

    async def holds(self):
        self.asked.append(self.clock.seconds())
        answer = self.answers.pop(0) if self.answers else False
        return await answer if isinstance(answer, Deferred) else answer


def test_what_holds_already_is_found_at_once():
    bench = Bench([True])
    assert bench.found == [True]
    assert bench.clock.getDelayedCalls() == []


def test_it_is_asked_again_when_there_is_news_and_only_then():
    bench = Bench([False, False, True])
    bench.clock.advance(1.0)
    assert bench.asked == [0.0]
    bench.news.tell()
    bench.clock.advance(GAP)
    assert bench.asked == [0.0, 1.0 + GAP]
    bench.news.tell()
    bench.clock.advance(GAP)
    assert bench.found == [True]
    assert bench.clock.getDelayedCalls() == []


def test_it_is_asked_a_last_time_when_time_has_run_out():
    bench = Bench([False, True], seconds=2.0)
    bench.clock.advance(2.0)
    bench.clock.advance(0.0)
    assert (bench.asked, bench.found) == ([0.0, 2.0], [True])
    bench = Bench(seconds=2.0)
    bench.clock.advance(2.0)
    bench.clock.advance(0.0)
    assert (bench.asked, bench.found) == ([0.0, 2.0], [False])
    assert bench.clock.getDelayedCalls() == []


def test_news_that_never_ends_is_looked_at_now_and_then():
    bench = Bench(seconds=1.0)
    for _ in range(1000):
        bench.news.tell()
        bench.clock.advance(0.001)
    assert len(bench.asked) <= 1.0 / GAP + 2


def test_it_is_never_asked_twice_at_once_and_news_meanwhile_is_not_lost():
    answer: Deferred[bool] = Deferred()
    bench = Bench([answer, True])
    bench.news.tell()
    bench.clock.advance(1.0)
    assert bench.asked == [0.0]
    answer.callback(False)
    bench.clock.advance(GAP)
    assert bench.found == [True]


def test_what_the_question_raises_is_told():
    answer: Deferred[bool] = Deferred()
    bench = Bench([answer])
    answer.errback(ValueError("no such route"))
    assert "no such route" in str(bench.found[0])


def test_the_failure_of_the_lab_ends_the_waiting_now_and_later():
    bench = Bench()
    bench.news.fail(LabError("the disk is full"))
    bench.clock.advance(GAP)
    assert "the disk is full" in str(bench.found[0])
    again = Deferred.fromCoroutine(bench.news.until(bench.holds, 1.0))
    caught = []
    again.addErrback(lambda failure: caught.append(failure.value))
    assert isinstance(caught[0], LabError)


@pytest.mark.parametrize("told", [True, False])
def test_waiting_may_be_given_up(told):
    bench = Bench()
    if told:
        bench.news.tell()
    bench.waiting.cancel()
    bench.clock.advance(20.0)
    assert len(bench.asked) == 1
    assert bench.clock.getDelayedCalls() == []
    bench.news.tell()
