"""The page as a process of its own that a test can kill: ``kill_server.py FOLDER PORT TASKS``. Says when it listens."""

import socket
import sys
from pathlib import Path

import uvicorn
from panels import CATEGORIES, TOKEN, make_tasks

from vegas_data.annotate import JudgmentStore, ReviewOptions
from vegas_data.annotate.app import make_app
from vegas_data.annotate.panel import Panel
from vegas_data.annotate.security import make_access
from vegas_data.store import Store

if __name__ == "__main__":
    folder, port, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    options = ReviewOptions(min_played=0.0, ahead=2, lease_s=1e6)
    panel = Panel(JudgmentStore(folder / "judgments.sqlite"), make_tasks(count), options)
    app = make_app(panel, Store(folder), make_access(TOKEN, "127.0.0.1", port), CATEGORIES)
    with socket.create_server(("127.0.0.1", port), reuse_port=True) as listener:
        print("listening", flush=True)
        config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", ws="none")
        uvicorn.Server(config).run(sockets=[listener])
