"""Stand-in until the real one lands."""

import http.server, threading
from pathlib import Path


class MediaServer:
    def __init__(self, folder, planned):
        plan = {p.clip.video_id: p for p in planned}
        seen = set()

        class H(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                vid = self.path.strip("/").removesuffix(".mp4")
                p = plan.get(vid)
                code = {"gone_404": 404, "gone_410": 410, "private": 403, "server_error": 500}.get(
                    p.fault if p else "gone_404", 200
                )
                if p and p.fault == "rate_limited" and vid not in seen:
                    seen.add(vid)
                    code = 429
                body = b"" if code != 200 else (Path(folder) / f"{vid}.mp4").read_bytes()
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Type", "video/mp4")
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *a):
                pass

        self.s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)

    def __enter__(self):
        self.t = threading.Thread(target=self.s.serve_forever)
        self.t.start()
        self.base_url = f"http://127.0.0.1:{self.s.server_address[1]}"
        return self

    def __exit__(self, *a):
        self.s.shutdown()
        self.s.server_close()
        self.t.join()
