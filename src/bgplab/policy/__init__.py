"""Which paths come in and go out, and on what terms: rules, and relationships between ASes.

    chain.compile_chain(rules, neighbor)     the rules of one session as a rib.path.Policy
    relationships.import_rules(peer)         what customer, peer and provider mean, as rules

A rule is data (config.Rule); match.py holds its conditions, change.py what it sets.
"""
