// What was answered and is not yet confirmed. Answers leave in order, one at a time, until the server has each on disk;
// they survive a reload, a dead server and a lost line. An answer leaves the outbox only confirmed, or refused for good.

const FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 5000;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** POST a JSON object; {status, data}, where status 0 means that nobody answered. */
export async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Vegas-Review": "1" },
      body: JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
    });
    const isJson = (response.headers.get("content-type") ?? "").startsWith("application/json");
    return { status: response.status, data: isJson ? await response.json() : {} };
  } catch {
    return { status: 0, data: {} };
  }
}

/** The same, again and again until somebody answers. */
export async function insist(path, body, onTrouble) {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    const answer = await post(path, body);
    if (answer.status !== 0 && answer.status < 500) return answer;
    onTrouble();
    await pause(wait);
  }
}

/** Whether something can be had, asked again and again until somebody answers: {status, hasWaited}. */
export async function reach(path, onTrouble) {
  for (let wait = FIRST_WAIT_MS, hasWaited = false; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    const { status } = await fetch(path, { method: "HEAD", credentials: "same-origin", cache: "no-store" })
      .catch(() => ({ status: 0 }));
    if (status !== 0 && status < 500) return { status, hasWaited };
    hasWaited = true;
    onTrouble();
    await pause(wait);
  }
}

export class Outbox {
  #name; #waiting; #running = null; #tell; #renew;

  /** tell(state, progress): saving, saved, offline, lost or expired. renew(): ask for clips that were given away. */
  constructor(annotator, tell, renew) {
    this.#name = `vegas-outbox-${annotator}`;
    this.#tell = tell;
    this.#renew = renew;
    try { this.#waiting = JSON.parse(sessionStorage.getItem(this.#name)) ?? []; } catch { this.#waiting = []; }
  }

  get waiting() { return this.#waiting; }

  push(answer) {
    this.#waiting.push(answer);
    this.#keep();
    this.drained();
  }

  /** Resolves when nothing is left to send. */
  drained() {
    if (!this.#waiting.length && !this.#running) return Promise.resolve();
    this.#running ??= this.#drain();
    return this.#running;
  }

  #keep() {
    try { sessionStorage.setItem(this.#name, JSON.stringify(this.#waiting)); } catch { /* kept in this page only */ }
  }

  async #drain() {
    try {
      for (let wait = FIRST_WAIT_MS, renewed = false; this.#waiting.length;) {
        this.#tell("saving");
        const { status, data } = await post("/api/answer", this.#waiting[0]);
        if (status === 401) return this.#tell("expired");
        if (status === 0 || status >= 500) {
          this.#tell("offline");
          await pause(wait);
          wait = Math.min(2 * wait, LONGEST_WAIT_MS);
        } else if (status === 409 && data.refused === "too_soon") {
          await pause(data.wait_ms + 20);
        } else if (status === 409 && data.refused === "lapsed" && !renewed) {
          renewed = true;
          await this.#renew();
        } else {
          this.#waiting.shift();
          this.#keep();
          [wait, renewed] = [FIRST_WAIT_MS, false];
          if (status !== 200) this.#tell("lost");
          else if (!this.#waiting.length) this.#tell("saved", data.progress);
        }
      }
    } finally {
      this.#running = null; // at once: what is pushed from now on starts anew
    }
  }
}
