"""Files that are evidence: what may be attached, decided by their bytes alone.

Nothing here opens a file as its reader would: no picture is drawn, no formula and no script runs.
"""
