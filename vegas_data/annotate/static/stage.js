// The films: one is on stage and repeats its piece, the next ones stand ready at their first picture.
//
// A question's film is known by its clip, piece and side. ``show`` plays one at once if it stands ready, and
// ``prepare`` says which will be wanted next. What has played is counted in playing time, not in time that went by.

const SLOTS = 4, EDGE_S = 0.02, LONGEST_STEP_S = 0.5;
const nameOf = (piece) => `${piece.media}@${piece.from}/${piece.side}`;

export class Stage {
  #slots; #now = null; #piece = null; #played = 0; #last = 0; #asked = 0; #wasReady = false; #wasPlaying = false; #minPlayed; #on;

  /** on: {playing(piece, asked), ready(), tick(share), blocked(), broken(piece)}. */
  constructor(box, minPlayed, on) {
    this.#minPlayed = minPlayed;
    this.#on = on;
    this.#slots = Array.from({ length: SLOTS }, () => this.#makeSlot(box));
    const step = () => { this.#step(); requestAnimationFrame(step); };
    requestAnimationFrame(step);
    document.addEventListener("visibilitychange", () => { // out of sight nobody repeats the piece
      if (document.hidden) {
        this.#wasPlaying = !this.isPaused;
        this.pause();
      } else if (this.#wasPlaying) this.play();
    });
  }

  get isReady() { return this.#wasReady; }
  get isPaused() { return !this.#now || this.#now.video.paused; }
  get playedMs() { return Math.ceil(this.#played * 1000); }

  #makeSlot(box) {
    const video = document.createElement("video");
    const slot = { video, name: "", media: "", from: 0 };
    video.preload = "auto";
    video.playsInline = true;
    video.disablePictureInPicture = true;
    video.disableRemotePlayback = true;
    video.tabIndex = -1;
    video.addEventListener("loadedmetadata", () => { video.currentTime = slot.from; });
    video.addEventListener("playing", () => {
      if (slot !== this.#now || !this.#piece) return; // cleared while it was about to play
      this.#on.playing(this.#piece, this.#asked);
      this.#asked = 0;
    });
    video.addEventListener("error", () => { if (slot === this.#now) this.#on.broken(this.#piece); });
    box.append(video);
    return slot;
  }

  #load(slot, piece) {
    const isNew = slot.media !== piece.media;
    Object.assign(slot, { name: nameOf(piece), media: piece.media, from: piece.from });
    slot.video.pause();
    slot.video.muted = piece.side === "seen";
    if (isNew) {
      slot.video.src = piece.media;
      slot.video.load();
    } else if (slot.video.readyState) {
      slot.video.currentTime = piece.from;
    }
  }

  /** Let these stand ready, the first ones first. */
  prepare(pieces) {
    const wanted = new Map(pieces.slice(0, SLOTS - 1).map((piece) => [nameOf(piece), piece]));
    const free = this.#slots.filter((slot) => slot !== this.#now && !wanted.has(slot.name));
    for (const [name, piece] of wanted) {
      if (this.#slots.some((slot) => slot.name === name && slot !== this.#now)) continue;
      const same = free.findIndex((slot) => slot.media === piece.media);
      const [slot] = free.splice(same < 0 ? 0 : same, 1);
      if (slot) this.#load(slot, piece);
    }
  }

  /** Play a piece; asked: when the key was pressed, in the time of ``performance.now``, or 0 for no key. */
  show(piece, asked = 0) {
    const before = this.#now, name = nameOf(piece);
    const others = this.#slots.filter((slot) => slot !== before);
    let slot = others.find((one) => one.name === name);
    if (!slot) {
      slot = others.find((one) => one.media === piece.media) ?? others[0];
      this.#load(slot, piece);
    } else if (Math.abs(slot.video.currentTime - piece.from) > EDGE_S && slot.video.readyState) {
      slot.video.currentTime = piece.from;
    }
    before?.video.pause();
    before?.video.classList.remove("now");
    slot.video.classList.add("now");
    this.#now = slot;
    this.#piece = piece;
    this.#asked = asked;
    [this.#played, this.#last, this.#wasReady] = [0, piece.from, false];
    if (slot.video.error) this.#on.broken(piece);
    else this.play();
  }

  /** Load the film on stage once more: the line was dead, or it broke on the way. */
  reload() {
    if (!this.#piece) return;
    this.#now.media = "";
    this.#load(this.#now, this.#piece);
    this.#last = this.#piece.from;
    this.play();
  }

  async play() {
    if (!this.#piece) return;
    if (document.hidden) {
      this.#wasPlaying = true;
      return;
    }
    try {
      await this.#now.video.play();
    } catch (error) {
      if (error.name === "NotAllowedError") this.#on.blocked();
    }
  }

  pause() { this.#now?.video.pause(); }

  replay() {
    if (!this.#piece) return;
    this.#now.video.currentTime = this.#piece.from;
    this.#last = this.#piece.from;
    this.play();
  }

  clear() {
    this.pause();
    this.#wasPlaying = false;
    this.#piece = null;
  }

  #step() {
    const piece = this.#piece, video = this.#now?.video;
    if (!piece || !video?.readyState) return;
    const at = video.currentTime, step = at - this.#last;
    if (!video.paused && step > 0 && step < LONGEST_STEP_S) this.#played += step;
    this.#last = at;
    if (at >= piece.to - EDGE_S || video.ended) {
      video.currentTime = piece.from;
      this.#last = piece.from;
      if (video.ended) this.play();
    } else if (at < piece.from - 2 * EDGE_S && !video.seeking) {
      video.currentTime = piece.from;
    }
    const share = this.#played / (this.#minPlayed * (piece.to - piece.from) || 1e-9);
    this.#on.tick(Math.min(1, share), Math.min(1, Math.max(0, (at - piece.from) / (piece.to - piece.from))));
    if (share >= 1 && !this.#wasReady) {
      this.#wasReady = true;
      this.#on.ready();
    }
  }
}
