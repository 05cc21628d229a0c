"""Routing information bases of one router and the decision between routes (RFC 4271 section 9).

    path.py      one set of path attributes as learned from one peer; shared by its prefixes
    adj_in.py    Adj-RIB-In: what one peer has told us
    decision.py  the choice of the best path, as steps that eliminate (section 9.1.2.2)
    loc_rib.py   Loc-RIB: the best path of every prefix
    adj_out.py   Adj-RIB-Out: what one peer has been told, and what it still has to be told

A prefix is its NLRI octets throughout (bgplab.wire.nlri).
"""
