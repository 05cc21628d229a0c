"""The MRAI U-curve of Griffin and Premore (ICNP 2001)."""

import pytest


def test_the_best_mrai_lies_inside_and_doubles_with_the_processing_time(experiment, checked):
    _, differences = checked(experiment("mrai-u-curve"), quick=True)
    assert differences == []


@pytest.mark.slow
def test_all_curves_are_as_published(experiment, checked):
    _, differences = checked(experiment("mrai-u-curve"))
    assert differences == []


def test_processes_are_refused(experiment):
    run = experiment("mrai-u-curve")
    with pytest.raises(ValueError, match="virtual time only"):
        run.measure(run.Options(engine="processes"))
