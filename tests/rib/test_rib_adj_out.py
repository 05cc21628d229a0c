"""Adj-RIB-Out: what a peer is told, and that it is told once (RFC 4271 section 9.2)."""

from hypothesis import given
from hypothesis import strategies as st

from bgplab.rib.adj_out import AdjRibOut

P, Q, R = b"\x08\x0a", b"\x08\x0b", b"\x08\x0c"


def told(*routes):
    """Make an Adj-RIB-Out whose peer knows these routes."""
    adj = AdjRibOut()
    for prefix, block in routes:
        adj.stage(prefix, block)
    adj.take()
    return adj


def test_prefixes_leave_grouped_by_block():
    adj = AdjRibOut()
    for prefix, block in ((P, b"one"), (Q, b"two"), (R, b"one")):
        adj.stage(prefix, block)
    assert adj.take() == ([], {b"one": [P, R], b"two": [Q]})
    assert adj.take() == ([], {})


def test_of_several_changes_the_last_leaves():
    """RFC 4271 section 9.2.1.1: the last route selected."""
    adj = AdjRibOut()
    for block in (b"one", b"two", b"three"):
        adj.stage(P, block)
    assert adj.take() == ([], {b"three": [P]})


def test_what_the_peer_knows_is_not_repeated():
    """RFC 4271 section 9.2."""
    adj = told((P, b"one"))
    adj.stage(P, b"one")
    assert adj.take() == ([], {})
    adj.stage(P, b"two")
    adj.stage(P, b"one")
    assert adj.take() == ([], {})


def test_only_what_was_sent_is_withdrawn():
    """RFC 4271 section 9.2."""
    adj = told((P, b"one"))
    adj.stage(Q, b"one")
    for prefix in (P, Q, R):
        adj.stage(prefix, None)
    assert adj.take() == ([P], {})
    adj.stage(P, None)
    assert adj.take() == ([], {})


def test_announcements_wait_while_withdrawals_leave():
    adj = told((P, b"one"))
    adj.stage(P, None)
    adj.stage(Q, b"two")
    assert adj.take(announce=False) == ([P], {})
    assert adj.take() == ([], {b"two": [Q]})


def test_withdrawals_wait_where_they_are_limited_too():
    adj = told((P, b"one"))
    adj.stage(P, None)
    assert adj.take(announce=False, withdraw=False) == ([], {})
    assert adj.take() == ([P], {})


def test_a_resend_tells_all_again():
    """RFC 2918 section 4."""
    adj = told((P, b"one"), (Q, b"two"))
    adj.resend()
    assert adj.take() == ([], {b"one": [P], b"two": [Q]})
    assert adj.take() == ([], {})


def test_a_resend_tells_the_latest():
    adj = told((P, b"one"), (Q, b"two"))
    adj.stage(P, b"new")
    adj.resend()
    adj.resend()
    adj.stage(Q, None)
    assert adj.take() == ([Q], {b"new": [P]})


def test_a_change_and_its_return_do_not_swallow_a_resend():
    """RFC 2918 section 4: the peer that asked is told, even what it was told before."""
    adj = told((P, b"one"))
    adj.resend()
    adj.stage(P, b"two")
    adj.stage(P, b"one")
    assert adj.take() == ([], {b"one": [P]})


def test_a_cleared_one_withdraws_nothing():
    adj = told((P, b"one"))
    adj.stage(Q, b"two")
    adj.clear()
    adj.stage(P, None)
    assert adj.take() == ([], {})


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("stage"),
            st.sampled_from([P, Q, R]),
            st.sampled_from([None, b"one", b"two"]),
        ),
        st.tuples(st.just("take"), st.booleans(), st.booleans()),
        st.tuples(st.just("resend"), st.none(), st.none()),
    ),
    max_size=30,
)


@given(STEPS)
def test_the_peer_ends_up_with_what_was_wanted(steps):
    """RFC 4271 section 9.2: nothing repeated unasked, nothing withdrawn that is not there."""
    adj = AdjRibOut()
    wanted: dict[bytes, bytes | None] = {}
    peer: dict[bytes, bytes] = {}
    asked: set[bytes] = set()
    for step, first, second in [*steps, ("take", True, True)]:
        if step == "stage":
            adj.stage(first, second)
            wanted[first] = second
        elif step == "resend":
            adj.resend()
            asked = set(peer)
        else:
            withdrawn, groups = adj.take(first, second)
            for prefix in withdrawn:
                del peer[prefix]
                asked.discard(prefix)
            for block, prefixes in groups.items():
                for prefix in prefixes:
                    assert peer.get(prefix) != block or prefix in asked
                    peer[prefix] = block
                    asked.discard(prefix)
    assert peer == {prefix: block for prefix, block in wanted.items() if block is not None}
    assert not asked
