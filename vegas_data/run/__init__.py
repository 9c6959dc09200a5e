"""Run a stage: units in, outcomes out, whatever happens to the workers.

``stage`` says what a stage is and makes one attempt at one unit, ``executors`` map attempts over processes, and
``driver`` owns everything else: what is pending, retries, the ledger, progress.
"""
