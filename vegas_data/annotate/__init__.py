"""People judge clips on a page of their own: tasks in, judgments out.

    tasks       what is asked, and what comes back; gold has known answers
    options     how a panel is run
    events      everything that can happen, as it stands in the log
    store       the log: one SQLite file that is only ever added to; pseudonyms
    state       what the log adds up to
    assignment  who gets what next, and which answers count: the rules
    panel       log, state and rules under one lock
    security    token, cookie, host, origin
    ranges      bytes of a clip over HTTP
    wording     what the page says about each side
    bodies      the JSON that the page sends
    app         the routes            templates/, static/   the page itself
    server      binds and runs it
    foreign     files of other tools, record by record
    imports     judgments made with them
    export      the table of judgments

Importing this package loads no web framework.
"""

from vegas_data.annotate.export import DATABASE, TABLE, write_judgments
from vegas_data.annotate.options import ReviewOptions
from vegas_data.annotate.security import binding_problem, read_token
from vegas_data.annotate.server import Binding, opened_log, serve
from vegas_data.annotate.store import JudgmentStore, read_judgments
from vegas_data.annotate.tasks import Gold, HumanJudgment, Question, Task, clip_start_ms

__all__ = [
    "DATABASE",
    "TABLE",
    "Binding",
    "Gold",
    "HumanJudgment",
    "JudgmentStore",
    "Question",
    "ReviewOptions",
    "Task",
    "binding_problem",
    "clip_start_ms",
    "opened_log",
    "read_judgments",
    "read_token",
    "serve",
    "write_judgments",
]
