"""A keepalive interval beyond the hold time (SSFNet's drop_peer)."""


def test_a_silent_peer_is_lost_after_the_hold_time_and_a_regular_one_never(experiment, checked):
    rows, differences = checked(experiment("keepalive-against-hold"), seeds=3)
    assert [row["keepalive"] for row in rows] == [30, 200]
    assert differences == []
