// One question after another. The next film plays as soon as a key is pressed; what was answered goes to the server
// behind it (outbox.js). The order of work, and what counts, is the server's to say.

import { Outbox, insist, newKey, reach } from "/static/outbox.js";
import { Stage } from "/static/stage.js";

const $ = (id) => document.getElementById(id);
const { annotator, minPlayed, ahead, sides } = document.body.dataset;
const SIDES = JSON.parse(sides), MIN_PLAYED = Number(minPlayed), AHEAD = Number(ahead);
const ANSWER_KEYS = { 1: "yes", y: "yes", 2: "sort_of", s: "sort_of", 3: "no", n: "no" };
const DIGIT_PLACES = { Digit1: "yes", Digit2: "sort_of", Digit3: "no" }; // where digits take a shift, as in France
const WORDS = { yes: "Yes", sort_of: "Sort of", no: "No" };
const MAX_WAITING = 20;
const EXPIRED = "This page is not valid any more. Open your link again: unsaved answers are sent from there.";

let queue = [];            // questions in order, the first one on stage
let lastKey = "";          // of the answer that an undo would take back
let isWorking = false;     // between the welcome and the end
let isUndoing = false;
let syncing = null;
let clipsDone = 0;
let isSkipping = 0;
const given = new Set();   // questions that this page has answered, by id
const skipped = new Set(); // clips that this page has given back, by lease
const reloaded = new Set(); // clips that would not play and were fetched once more, by lease

const idOf = (question) => `${question.lease}/${question.start_ms}/${question.side}/${question.revision}`;
const tell = (text) => { $("live").textContent = text === $("live").textContent ? `${text}\u00a0` : text; }; // read out again
let isHintOfWaiting = false;

/** A note beside the tools. It stays until the next one, or until an answer counts if that is what it is about. */
function hint(text, isOfWaiting = false) {
  $("hint").textContent = text;
  isHintOfWaiting = isOfWaiting;
}

const stage = new Stage($("films"), MIN_PLAYED, {
  playing(piece, asked) {
    if (asked) performance.measure("key-to-playing", { start: asked, end: performance.now(), detail: { isNewClip: piece.isNewClip } });
    $("unblock").hidden = true;
    paintPause();
  },
  ready() { setReady(true); },
  tick(share, at) {
    $("work").style.setProperty("--played", share);
    $("work").style.setProperty("--at", at);
  },
  blocked() { $("unblock").hidden = false; $("unblock").focus(); },
  broken,
});

const outbox = new Outbox(annotator, (state, progress) => {
  const words = { saving: "Saving…", saved: "All saved", offline: "Not saved yet", lost: "One answer not taken", expired: "Not saved" };
  $("saved").dataset.state = state;
  $("saved").textContent = words[state];
  if (progress) paintProgress(progress);
  if (state === "saved") {
    banner("");
    if (isWorking && new Set(queue.map((question) => question.lease)).size < AHEAD) sync();
  }
  if (state === "offline") banner(`The server does not answer. ${count(outbox.waiting.length, "answer")} kept here and sent again by itself.`);
  if (state === "lost") { hint("That answer came too late, or from another window: it was not taken."); sync(); }
  if (state === "expired") banner(EXPIRED);
}, () => sync());

// --- what there is to do --------------------------------------------------------------------------------------------

/** Ask for work as it is from now on, and put its first question on stage. */
async function syncAfresh() {
  if (syncing) await syncing;
  return sync(true);
}

/** Ask for work, and take it in without disturbing what is on stage (unless ``afresh``). */
function sync(afresh = false) {
  syncing ??= (async () => {
    const keyThen = lastKey, givenThen = given.size, wereAllSaved = !outbox.waiting.length;
    const { status, data } = await insist("/api/work", {}, () => banner("The server does not answer. Trying again."));
    syncing = null;
    if (status !== 200) return banner(EXPIRED);
    if (!outbox.waiting.length) banner("");
    if (!outbox.waiting.length && lastKey === keyThen) lastKey = data.last_key;
    const sent = new Set(outbox.waiting.map(idOf));
    const found = data.assignments.flatMap(questionsOf)
      .filter((question) => !given.has(idOf(question)) && !sent.has(idOf(question)) && !skipped.has(question.lease));
    const now = afresh ? undefined : found.find((question) => queue[0] && idOf(question) === idOf(queue[0]));
    const showsNew = !now;
    queue = now ? [now, ...found.filter((question) => question !== now)] : found;
    paintProgress(data.progress);
    if (!isWorking) return;
    if (queue.length && showsNew) show(0);
    else if (queue.length) { paint(queue[0]); prepare(); }
    else if (isSkipping) return;
    else if (wereAllSaved && given.size === givenThen) finishOrWait(data);
    else outbox.drained().then(() => sync()); // this was said before the last answer was known
  })();
  return syncing;
}

function questionsOf(assignment) {
  return assignment.open.map((open) => {
    const place = assignment.cells.findIndex((cell) => cell.start_ms === open.start_ms && cell.end_ms === open.end_ms);
    const cell = assignment.cells[place];
    return {
      ...open, assignment, place, lease: assignment.lease, media: assignment.media,
      from: cell.from_ms / 1000, to: cell.to_ms / 1000,
    };
  });
}

function prepare() {
  const next = queue[1], firsts = queue.filter((q, i) => i > 1 && q.lease !== queue[i - 1].lease);
  stage.prepare([next, ...firsts.filter((q) => q !== next)].filter(Boolean));
}

function show(asked, before = null) {
  const question = queue[0];
  question.isNewClip = !before || before.lease !== question.lease;
  for (const id of ["welcome", "done"]) $(id).hidden = true;
  $("work").hidden = false;
  setReady(false);
  stage.show(question, asked);
  paint(question);
  announce(question);
  prepare();
}

function finishOrWait(data) {
  stage.clear();
  $("work").hidden = true;
  $("done").hidden = false;
  $("finish").hidden = !data.is_done;
  $("done-undo").hidden = !lastKey;
  $("done-title").textContent = data.is_done ? "That was all" : "Nothing to judge just now";
  $("done-text").textContent = data.is_done
    ? `You judged ${count(data.progress.done, "clip")}. You may still take the last answer back.`
    : "Others hold the remaining clips. Look again in a while.";
  $("done-title").focus({ preventScroll: true });
}

// --- answers --------------------------------------------------------------------------------------------------------

function answer(value, asked) {
  const question = queue[0];
  if (!isWorking || !question || $("work").hidden) return;
  if (isUndoing) return hint("One moment…", true);
  if (!stage.isReady) return hint("A little longer: let the piece play once.", true);
  if (outbox.waiting.length >= MAX_WAITING) return hint("Too many answers wait to be saved. One moment.");
  const { lease, start_ms, end_ms, side, revision } = question;
  const played_ms = stage.playedMs;
  lastKey = newKey();
  given.add(idOf(question));
  queue.shift();
  if (queue.length) show(asked, question);
  else { stage.clear(); setReady(false); }
  outbox.push({ key: lastKey, lease, start_ms, end_ms, side, answer: value, revision, played_ms });
  flash(value);
  if (queue.length) return;
  hint("One moment…", true);
  outbox.drained().then(() => queue.length || sync());
}

async function undo() {
  if (!isWorking || isUndoing) return;
  isUndoing = true;
  hint("Taking it back…");
  await outbox.drained();
  if (syncing) await syncing;
  const said = lastKey;
  if (!said) hint("Nothing to take back.");
  else {
    const body = { key: newKey(), answer_key: said };
    let { status, data } = await insist("/api/undo", body, () => banner("The server does not answer. Trying again."));
    if (status === 409 && data.refused === "lapsed") {
      await sync();
      ({ status, data } = await insist("/api/undo", body, () => {}));
    }
    if (status === 200) skipped.delete(data.lease);
    await syncAfresh();
    hint(status === 200 ? "Taken back: answer again." : "That answer cannot be taken back any more.");
  }
  isUndoing = false;
}

async function skip() {
  const question = queue[0];
  if (!question || $("work").hidden || isUndoing) return;
  skipped.add(question.lease);
  isSkipping += 1;
  queue = queue.filter((other) => other.lease !== question.lease);
  if (queue.length) show(0, question);
  else stage.clear();
  hint("Skipped.");
  await outbox.drained();
  await insist("/api/skip", { lease: question.lease }, () => banner("The server does not answer. Trying again."));
  isSkipping -= 1;
  await syncing;
  await sync();
}

/** A film on stage would not play: is it the film, or the line? Only what this machine cannot play goes back. */
async function broken(piece) {
  if (queue[0] !== piece) return;
  const isTried = reloaded.has(piece.lease);
  const { status, hasWaited } = await reach(piece.media, () => banner("The server does not answer. Trying again."));
  if (queue[0] !== piece || $("work").hidden) return;
  if (status === 401) return banner(EXPIRED);
  if (status === 200 && (hasWaited || !isTried)) {
    if (!hasWaited) reloaded.add(piece.lease);
    if (!outbox.waiting.length) banner("");
    return stage.reload();
  }
  banner("This clip cannot be played here. It goes back, and somebody else gets it.");
  skip();
}

async function finish() {
  await outbox.drained();
  const { status } = await insist("/api/finish", {}, () => banner("The server does not answer. Trying again."));
  if (status === 200) location.assign("/done");
  else syncAfresh();
}

// --- paint ----------------------------------------------------------------------------------------------------------

const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

function paint(question) {
  const { side, assignment } = question, words = SIDES[side], category = assignment.category;
  document.body.dataset.side = side;
  $("stage").className = `stage ${side}`;
  $("mode-icon").setAttribute("href", `/static/icon.svg#${side}`);
  $("mode").textContent = words.mode;
  $("note").textContent = words.note;
  $("target").textContent = category.title;
  $("ask").textContent = words.question;
  for (const button of document.querySelectorAll("[data-answer]"))
    button.querySelector("span").textContent = words[button.dataset.answer];
  $("definition").textContent = category[side] || category.text || [category.heard, category.seen].join(" ");
  $("definition-title").textContent = category[side] ? `What counts as ${side}` : "What counts";
  $("definition-more").textContent = category[side] && side === "heard" ? "Judge the sound alone, whatever you think is in the picture."
    : category[side] && side === "seen" ? "Judge the picture alone, whatever you think it sounds like." : "";
  const open = new Set(assignment.open.filter((one) => one.side === side).map((one) => one.start_ms));
  const todo = new Set(queue.filter((one) => one.lease === question.lease && one.side === side).map((one) => one.start_ms));
  paintShare();
  $("cells").replaceChildren(...assignment.cells.map((cell, place) => {
    const item = document.createElement("li"), isNow = place === question.place;
    const state = isNow ? "now" : todo.has(cell.start_ms) ? "todo" : open.has(cell.start_ms) || isAnswered(assignment, cell, side) ? "said" : "off";
    item.dataset.state = state;
    if (isNow) item.setAttribute("aria-current", "step");
    const text = document.createElement("span");
    text.textContent = `${cell.from_ms / 1000}–${cell.to_ms / 1000} s`;
    const more = document.createElement("span");
    more.className = "visually-hidden";
    more.textContent = { now: ", now", todo: ", to come", said: ", answered", off: ", not asked" }[state];
    item.append(text, more);
    return item;
  }));
}

const isAnswered = (assignment, cell, side) =>
  assignment.answered.some((one) => one.start_ms === cell.start_ms && one.side === side);

function announce(question) {
  const words = SIDES[question.side], cells = question.assignment.cells.length;
  const piece = cells > 1 ? `Piece ${question.place + 1} of ${cells}. ` : "";
  tell(`${question.isNewClip ? "Next clip. " : ""}${piece}${words.mode}. ${question.assignment.category.title}: ${words.question}`);
}

function paintProgress({ done, left, seconds_left }) {
  const all = done + left, minutes = Math.max(1, Math.round(seconds_left / 60));
  $("progress").max = Math.max(1, all);
  clipsDone = done;
  paintShare();
  const eta = seconds_left === null || !left ? "" : minutes >= 90 ? ` · about ${Math.round(minutes / 60)} h left` : ` · about ${minutes} min left`;
  $("progress-text").textContent = left ? `Clip ${done + 1} of ${all}${eta}` : `${count(done, "clip")} judged`;
}

/** Clips that are done, and of the one on stage what has been answered. */
function paintShare() {
  const now = queue[0], open = now ? queue.filter((question) => question.lease === now.lease).length : 0;
  const all = now ? now.assignment.open.length + now.assignment.answered.length : 1;
  $("progress").value = clipsDone + (now ? 1 - open / all : 0);
}

function setReady(isReady) {
  $("work").classList.toggle("ready", isReady);
  for (const button of document.querySelectorAll("[data-answer]")) button.setAttribute("aria-disabled", String(!isReady));
  if (isReady && isHintOfWaiting) hint("");
}

function paintPause() {
  $("pause").firstChild.textContent = stage.isPaused ? "Go on " : "Pause ";
}

function flash(value) {
  hint(`${WORDS[value]}. Undo with u.`);
  const button = document.querySelector(`[data-answer="${value}"]`);
  button.classList.remove("pressed");
  void button.offsetWidth;
  button.classList.add("pressed");
}

function banner(text) {
  $("banner").textContent = text;
  $("banner").hidden = !text;
}

function togglePause() {
  if (stage.isPaused) stage.play(); else stage.pause();
  setTimeout(paintPause, 0);
}

function help() {
  stage.pause();
  $("keys").showModal();
}

// --- keys and clicks ------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || $("keys").open) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "?") { event.preventDefault(); return help(); }
  if (!isWorking) return;
  const onControl = event.target.closest("button, a, summary, input");
  if (event.repeat) { if (key === " " && !onControl) event.preventDefault(); return; }
  const value = ANSWER_KEYS[key] ?? (event.shiftKey ? undefined : DIGIT_PLACES[event.code]);
  if (value) { event.preventDefault(); return answer(value, event.timeStamp); }
  const act = { r: () => stage.replay(), " ": () => stage.replay(), p: togglePause, u: undo, Backspace: undo, x: skip }[key];
  if (!act || (key === " " && onControl)) return;
  event.preventDefault();
  act();
});

for (const button of document.querySelectorAll("[data-answer]"))
  button.addEventListener("click", (event) => {
    if (event.detail) $("question").focus({ preventScroll: true }); // by mouse: the space bar replays again
    answer(button.dataset.answer, event.timeStamp);
  });
for (const [id, act] of Object.entries({
  replay: () => stage.replay(), pause: togglePause, undo, skip, help, finish, "done-undo": undo,
  again: syncAfresh, unblock: () => { $("unblock").hidden = true; $("question").focus({ preventScroll: true }); stage.play(); },
})) $(id).addEventListener("click", act);
$("keys").addEventListener("close", () => { if (isWorking && !$("work").hidden) { stage.play(); $("question").focus({ preventScroll: true }); } });
$("start").addEventListener("click", async () => {
  isWorking = true;
  $("welcome").hidden = true;
  await outbox.drained();
  await syncAfresh();
  if (!$("work").hidden && $("unblock").hidden) $("question").focus({ preventScroll: true });
});
addEventListener("beforeunload", (event) => { if (outbox.waiting.length) event.preventDefault(); });
$("start").focus({ preventScroll: true });
