"""The only callers of ffmpeg and PyAV: probe and cut what was fetched, decode clips, write mp4.

Strangers' files are opened by a confined child (``demux``), which makes small pieces of them (``remux``); ffmpeg makes
clips of those, as a child under limits (``sandbox``, ``confine``). Only our own mp4s are decoded in process. Every
input is opened with a protocol and format white-list: a playlist dressed up as an mp4 must not make us read another
file.
"""
