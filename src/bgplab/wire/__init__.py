"""Octets to values and back: the messages of BGP-4, and nothing but their form.

RFC 4271 sections 4 to 6; RFC 1997, 2918, 4486, 4724 (End-of-RIB), 4760 (the capability), 5492,
6286, 6608, 6793, 7606, 7607, 9003, 9072. Standard library only. Every fault in a peer's octets
is a WireError with the NOTIFICATION that answers it; nothing here logs or keeps state, except
for the octets that a Framer holds back.
"""
