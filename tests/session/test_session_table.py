import re

import pytest

from bgplab.session.events import Event, State
from bgplab.session.guards import always, passive
from bgplab.session.table import DISPATCH, ROWS, Row, compile_table, render


def test_the_dispatch_has_all_174_cells():
    assert sum(bool(cell) for state in DISPATCH for cell in state) == 174


def test_a_missing_cell_fails_the_import():
    rows = [row for row in ROWS if not (row.state is State.OPEN_SENT and 18 in row.events)]
    with pytest.raises(ValueError, match="OpenSent, TcpConnectionFails"):
        compile_table(rows)


def test_a_cell_without_a_last_resort_fails_the_import():
    rows = [
        row._replace(guard=passive) if row.events == (Event.UPDATE_MSG,) else row
        for row in ROWS
    ]
    with pytest.raises(ValueError, match="Established, UpdateMsg"):
        compile_table(rows)


def test_a_row_after_the_last_resort_fails_the_import():
    late = Row(State.IDLE, (Event.MANUAL_START,), always, State.ACTIVE, ())
    with pytest.raises(ValueError, match="Idle, ManualStart"):
        compile_table([*ROWS, late])


def test_the_printed_table_has_a_line_for_each_row_and_a_name_for_each_event():
    text = render()
    lines = text.splitlines()
    assert len(lines) == len(ROWS) + 1 + len(Event)
    line = r"^Connect +18 +delay_runs +Active +restart_retry, stop_delay, listen$"
    assert re.search(line, text, re.MULTILINE)
    assert "29 SendHoldTimer_Expires" in text


def test_labels_are_the_words_of_the_rfc():
    assert [state.label for state in State] == [
        "Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established",
    ]  # fmt: skip
    assert Event.NOTIF_MSG_VER_ERR.label == "NotifMsgVerErr"
    assert Event.AUTOMATIC_START_DAMPED.label == "AutomaticStart_with_DampPeerOscillations"
