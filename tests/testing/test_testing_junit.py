"""JUnit XML: what Jenkins' schema allows, and nothing that XML forbids."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from bgplab.testing.junit import junit, legal

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
# element: attributes, children; from junit-10.xsd of the xUnit plugin of Jenkins
ALLOWED = {
    "testsuites": ({"name", "tests", "failures", "errors", "time"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
        {"testcase"},
    ),
    "testcase": (
        {"name", "classname", "time"},
        {"failure", "error", "system-out", "system-err"},
    ),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "system-out": (set(), set()),
    "system-err": (set(), set()),
}


@pytest.fixture
def results(result, report, steps):
    return [
        result(report=report(scenario=steps[:1])),
        result(1, engine="processes", report=report(scenario=steps), errors="\x1b[31m<&\ud800"),
        result(3, file="b.yaml", report=report(fidelity={"valid": False, "reasons": ["late"]})),
        result(4, file="b.yaml", engine="processes", report=None, errors="Error: gone"),
    ]


def test_the_document_has_the_elements_and_attributes_of_the_schema(results):
    root = ET.fromstring(junit(results, NOW))
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    for suite in root:
        assert set(suite.attrib) == ALLOWED["testsuite"][0]
        assert suite.get("timestamp") == "2026-01-02T03:04:05"


def test_a_file_is_a_suite_and_an_engine_a_case(results):
    root = ET.fromstring(junit(results, NOW))
    cases = [
        (suite.get("name"), case.get("classname"), case.get("name"))
        for suite in root
        for case in suite
    ]
    assert cases == [
        ("labs/a.yaml", "labs.a", "virtual"),
        ("labs/a.yaml", "labs.a", "processes"),
        ("b.yaml", "b", "virtual"),
        ("b.yaml", "b", "processes"),
    ]
    totals = [(each.get("tests"), each.get("failures"), each.get("errors")) for each in root]
    assert totals == [("2", "1", "0"), ("2", "0", "2")]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "1", "2")
    assert root.get("time") == "6.000"


def test_a_failure_is_an_expectation_and_an_invalid_run_an_error(results):
    root = ET.fromstring(junit(results, NOW))
    (failure,), errors = root.findall(".//failure"), root.findall(".//error")
    assert (failure.get("type"), failure.get("message")) == ("expectation", "expect: a")
    assert "labs/a.yaml:6: expect: a\n    expected  b" in (failure.text or "")
    assert [error.get("type") for error in errors] == ["invalid", "lab"]
    assert root.findtext(".//system-err") == "\\x1b[31m<&\\ud800"


def test_what_xml_forbids_is_written_as_an_escape():
    assert (
        legal("a\x00\x0b\x1f\ufffe\tb\n\U0001f600") == "a\\x00\\x0b\\x1f\\ufffe\tb\n\U0001f600"
    )
