"""What is observed and how it is kept: records, histograms, the store of a run, its queries.

Floor 5: readers of facts. Nothing here acts on a router.
"""
