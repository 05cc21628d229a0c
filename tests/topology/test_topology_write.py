"""Writing topology files: what is written means what was said."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bgplab.errors import TopologyError
from bgplab.topology.flow import quote
from bgplab.topology.load import loads
from bgplab.topology.write import write_generated, write_topology


def test_written_file_reads_well():
    text = write_topology(
        "two",
        "Two routers.",
        {"a": {"asn": 65001, "originate": ["10.1.0.0/16"]}, "no": {}},
        [("a", "no"), {"endpoints": ["a", "no"], "delay": "10ms"}],
        defaults={"originate": 1},
        comments=["First.", "Second."],
    )
    assert text == (
        "# yaml-language-server: $schema=bgplab.schema.json\n"
        "# First.\n"
        "# Second.\n"
        "name: two\n"
        'description: "Two routers."\n'
        "topology:\n"
        "  defaults:\n"
        "    originate: 1\n"
        "  nodes:\n"
        "    a: {asn: 65001, originate: [10.1.0.0/16]}\n"
        '    "no":\n'
        "  links:\n"
        "    - a-no\n"
        '    - {endpoints: [a, "no"], delay: 10ms}\n'
    )


@given(st.text())
def test_quoted_text_stays_that_text_for_readers_of_yaml_1_1_too(text):
    printable = text.encode("utf-8", "ignore").decode()
    if printable.isprintable():
        assert yaml.safe_load(quote(printable)) == printable


@pytest.mark.parametrize("text", ["10.1.0.0/16", "10ms", "1e5", "1:20", "null", "a b", "a: b"])
def test_quoted_text_stays_text_in_a_flow_mapping(text):
    assert yaml.safe_load(f"{{{quote(text)}: [{quote(text)}]}}") == {text: [text]}


def test_generated_file_has_the_generator_or_its_routers():
    parameters = {"model": "barabasi-albert", "n": 12, "m": 2, "seed": 3}
    short = loads(write_generated(parameters))
    long = loads(write_generated(parameters, expand=True, name="by-hand"))
    assert (short.name, long.name) == ("barabasi-albert-12", "by-hand")
    assert long.links == short.links
    assert [node.asn for node in long.nodes] == [node.asn for node in short.nodes]
    assert [node.originate for node in long.nodes] == [n.originate for n in short.nodes]


def test_wrong_parameters_of_a_generator_are_refused():
    with pytest.raises(TopologyError, match="m \\(5\\) must be less than n \\(5\\)"):
        write_generated({"model": "barabasi-albert", "n": 5, "m": 5})
