"""The only callers of ffmpeg and PyAV: probe and cut what was fetched, decode clips, write mp4.

ffmpeg runs as a child under limits (``sandbox``); its command lines are built by ffmpeg-python. Decoding is
PyAV's, in process. Every input is opened with a protocol and format white-list: a playlist dressed up as an
mp4 must not make us read another file.
"""
