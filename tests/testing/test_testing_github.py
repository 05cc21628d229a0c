"""Annotations of a GitHub workflow."""

from bgplab.testing.github import annotate, wanted


def test_a_failed_step_is_annotated_at_its_line_with_what_was_found(steps, report, result):
    failed = result(1, file="a,b.yaml", report=report(scenario=steps))
    (line,) = annotate(failed)
    assert line == (
        "::error file=a%2Cb.yaml,line=6,col=1,title=bgplab%3A FAILED on virtual::expect: a"
        "%0Aexpected  b%0Aactual    c"
    )


def test_an_invalid_run_warns_and_names_are_relative_to_the_checkout(tmp_path, report, result):
    fidelity = {"valid": False, "reasons": ["100 % late"]}
    file = str(tmp_path / "labs" / "a.yaml")
    invalid = result(3, file=file, report=report(fidelity=fidelity))
    (line,) = annotate(invalid, str(tmp_path))
    assert line.startswith("::warning file=labs/a.yaml,line=1,")
    assert line.endswith("%0A100 %25 late")


def test_a_passed_test_is_not_annotated_nor_is_anything_outside_of_workflows(result):
    assert list(annotate(result())) == []
    assert wanted({"GITHUB_ACTIONS": "true"})
    assert not wanted({})
