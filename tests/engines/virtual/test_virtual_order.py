"""In which order things happen at one time, and how long a link takes."""

from random import Random

from bgplab.config import Level
from bgplab.engines.virtual.bench import Bench, routers
from bgplab.engines.virtual.network import Network
from bgplab.facts import BestChanged, Fact, UpdateReceived, UpdateSent
from bgplab.speaker.inputs import Withdraw

CLIQUE = {"r1": 1, "r2": 2, "r3": 3, "r4": 4}
LINKS = [(a, b) for a in CLIQUE for b in CLIQUE if a < b]


def test_messages_of_one_time_are_each_answered_before_the_next():
    """r2 hears of three withdrawals at once, and changes its mind at each."""
    bench = Bench(routers(CLIQUE, LINKS, delay=0.01), Random)
    bench.start()
    bench.settle()
    bench.facts.clear()
    began = bench.now
    bench.feed("r1", Withdraw(("10.1.0.0/24",)))
    bench.settle()
    changes = [fact.peer for fact in bench.of("r2", BestChanged)]
    times = [round(fact.at - began, 6) for fact in bench.of("r2", BestChanged)]
    assert changes[:3] == ["r3", "r4", None]
    assert times[1] == times[2]


def test_a_delay_of_the_file_is_kept_to_whatever_the_noise():
    configs = routers({"r1": 1, "r2": 2}, [("r1", "r2")], delay=0.01)
    network = Network(configs, Random, noise=0.001)
    sent, received = [], []

    def tell(router, fact):
        if type(fact) is UpdateSent and router == "r1":
            sent.append(fact.at)
        elif type(fact) is UpdateReceived and router == "r2":
            received.append(fact.at)

    network.tell = tell
    network.start()
    network.run(1.0)
    assert configs[0].level is Level.UPDATES
    assert sent
    assert received == [at + 0.01 for at in sent]


def test_peers_are_told_in_the_order_of_the_configuration():
    """Whatever the order in which their sessions came up."""
    for seed in range(5):
        network = Network(routers(CLIQUE, LINKS, delay=0.01), Random, seed, noise=0.005)
        network.start()
        network.run(1.0)
        facts: list[Fact] = []
        network.tell = lambda router, fact, facts=facts: facts.append(fact)  # type: ignore[misc]
        network.feed("r1", Withdraw(("10.1.0.0/24",)))
        sent = [fact.peer for fact in facts if type(fact) is UpdateSent]
        assert sent == ["r2", "r3", "r4"]
