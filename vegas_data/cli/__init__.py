"""The ``vegas-data`` command: one module per verb, errors to exit codes in one place (``main``)."""
