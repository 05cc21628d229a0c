"""A network in memory whose routers record their inputs."""

from dataclasses import replace
from random import Random

import pytest

from bgplab.config import Level
from bgplab.engines.virtual.bench import Bench, routers
from bgplab.observe.inputs import InputLog, RecordedSpeaker


def no_failure(error):
    raise error


class Recorded(Bench):
    """Routers in memory that record: an engine's part in it is which Speaker it makes."""

    def __init__(self, configs, folder):
        self.logs: list[InputLog] = []

        def recorded(config, rng):
            log = InputLog(folder / f"{config.name}.jsonl", config, no_failure)
            self.logs.append(log)
            return RecordedSpeaker(config, rng, log)

        super().__init__(configs, Random, seed=7, speaker=recorded)

    def save(self):
        for log in self.logs:
            log.flush()


@pytest.fixture
def recorded(tmp_path):
    """Give `recorded("abc", ["ab", "bc"], ...)`: a network that records, and runs already."""

    def make(names, links, **options):
        asns = {name: 65000 + number for number, name in enumerate(names, 1)}
        configs = [
            replace(config, level=Level.INPUTS) for config in routers(asns, links, **options)
        ]
        network = Recorded(configs, tmp_path)
        network.start()
        network.settle()
        return network

    return make
