"""The topology language: from a YAML file to what each router is handed.

    load.load(path) -> graph.Topology       the file, checked, with all its mistakes at once
    plan.plan(topology) -> plan.Plan        addresses, sessions, IGP costs: a RouterConfig each
    reach.expected_routes(plan)             which router must hold which prefix in the end
    valley.ValleyFree(topology)             the routes that relationships alone must lead to

Never opens a socket, never reads a clock. networkx is imported only by the generators and the
importer that need it.
"""
