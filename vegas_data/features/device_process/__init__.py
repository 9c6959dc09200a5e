"""The process of a device, for the time of a stage: workers decode, it computes; at most one for each device.

    start    start it, end it      server   what it does          client   a worker that has it compute
    wire     their messages        shared   their arrays

Why: ``docs/decisions/0019-featurize-device.md``.
"""
