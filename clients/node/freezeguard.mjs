// May I sell this? A local copy of freezeguard's held set for Node >= 18, without dependencies.
// What states and choices mean: docs/client.md.
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const CHOICES = ["keep_last", "refuse", "allow"];
const SCOPE = ["sku", "seller", "channel", "country", "lot"];
const sha256 = (text) => createHash("sha256").update(text).digest();
const parts = (hold) => [hold.id, ...SCOPE.map((name) => hold.scope[name] ?? "")];
const key = (hold) => JSON.stringify(parts(hold));
const counted = new WeakMap();
const bits = (hold) => {
  if (!counted.has(hold)) counted.set(hold, sha256(parts(hold).join("\n")).readBigUInt64BE());
  return counted.get(hold);
};
const whole = (hold) => typeof hold?.id === "string" && typeof hold.scope?.sku === "string";

export class Freezeguard {
  // policy: { stale, unknown, classes?: { toys: { stale, unknown } } }; each one of CHOICES.
  // Every time is in seconds. copy: a path of this process alone, or null.
  constructor({ url, key, policy, copy, staleAfter = 60, silence = 40, firstRetry = 0.5, longestRetry = 30,
    onState = (now) => console.warn("freezeguard:", JSON.stringify(now)),
    clock = () => performance.now() / 1000, wall = () => Date.now() / 1000 }) {
    for (const one of [policy, ...Object.values(policy?.classes ?? {})])
      if (![one?.stale, one?.unknown].every((choice) => CHOICES.includes(choice)))
        throw new TypeError("policy must say stale and unknown: " + CHOICES.join(", "));
    if (!url || !key || copy === undefined) throw new TypeError("url, key and copy must be given");
    Object.assign(this, { url, key, policy, copy, staleAfter, silence, firstRetry, longestRetry, onState,
      clock, wall, inForce: new Map(), heard: new Map(), carried: new Map(), bySku: new Map(), waiting: [],
      revision: null, highest: -1, doubted: false, confirmed: null, last: "unknown", savedAt: -Infinity,
      changed: false, failures: 0, lastError: "" });
  }
  start() { this.load(); this.following = this.follow(); return this; }
  async close() { this.closed = true; this.abort?.abort(); clearTimeout(this.pausing); this.wake?.(); await this.following; }

  maySell(sku, question) { return this.check(sku, question).sellable; }
  check(sku, { risk, ...asked } = {}) {
    const state = this.state(), holds = (this.bySku.get(sku) ?? []).filter((hold) => SCOPE.slice(1).every(
      (name) => hold.scope[name] == null || asked[name] == null || hold.scope[name] === asked[name]));
    const classes = this.policy.classes ?? {};
    const choice = state === "ready" ? "keep_last" : (Object.hasOwn(classes, risk) ? classes[risk] : this.policy)[state];
    const sellable = choice === "allow" || (choice === "keep_last" && !holds.length && this.revision !== null);
    return { sellable, state, choice, ageSeconds: this.age(), revision: this.revision, holds };
  }
  // The later of two clocks counts: one may stand still while the machine sleeps, one may be set.
  age() {
    if (!this.confirmed) return null;
    const [running, wall] = [this.clock() - this.confirmed.clock, this.wall() - this.confirmed.wall];
    return running < 0 ? null : Math.max(running, wall) + this.confirmed.age;
  }
  state() {
    const age = this.age();
    const state = this.revision === null || this.doubted ? "unknown"
      : age !== null && age < this.staleAfter && !this.confirmed.onDisk ? "ready" : "stale";
    if (state !== this.last) {
      const moved = { before: this.last, after: state, revision: this.revision, carried: this.carried.size, lastError: this.lastError };
      this.last = state;
      try { this.onState(moved); } catch (error) { console.error("freezeguard: onState failed", error); }
    }
    return state;
  }
  // For an operator who has looked into what a restored server has lost.
  forgetCarried(sku) {
    for (const [at, hold] of this.carried) if (sku === undefined || hold.scope.sku === sku) this.carried.delete(at);
    this.settle();
  }

  async follow() {
    while (!this.closed) {
      try { await this.connection(); throw new Error("the server ended the stream"); }
      catch (error) { this.lastError = String(error?.cause ?? error); }
      if (this.closed) break;
      this.state();
      const pause = Math.min(this.firstRetry * 2 ** Math.min(this.failures++, 30), this.longestRetry);
      await new Promise((done) => { this.wake = done; this.pausing = setTimeout(done, pause * 1000 * (1 - Math.random() / 2)); });
    }
  }
  async connection() {
    const abort = this.abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), this.silence * 1000);
    try {
      const headers = { Authorization: `Bearer ${this.key}`, Accept: "text/event-stream" };
      if (this.revision !== null && !this.doubted) headers["Last-Event-ID"] = String(this.revision);
      const answer = await fetch(this.url.replace(/\/$/, "") + "/v1/holds/stream", { headers, signal: abort.signal, redirect: "error" });
      if (answer.status !== 200 || !answer.headers.get("content-type")?.startsWith("text/event-stream"))
        throw new Error(`answered ${answer.status}`);
      this.waiting = [];
      const decoder = new TextDecoder("utf-8", { fatal: true });
      let rest = "", heard = this.clock();
      for await (const piece of answer.body) {
        const silent = this.clock() - heard;
        if (silent < 0 || silent > this.silence) throw new Error("what waited may be as old as the silence before it");
        heard += silent; timer.refresh();
        const blocks = (rest + decoder.decode(piece, { stream: true })).split("\n\n");
        rest = blocks.pop(); // what was cut is none
        try { for (const block of blocks) this.hear(block); } finally { if (this.changed) this.settle(); }
      }
    } finally { clearTimeout(timer); abort.abort(); }
  }
  hear(block) {
    const said = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s, 2)));
    if (said[""]?.startsWith("still here ")) return this.confirm(JSON.parse(said[""].slice(11)));
    if (!["snapshot", "hold", "release"].includes(said.event)) return;
    const revision = Number(said.id), body = JSON.parse(said.data);
    if (!Number.isSafeInteger(revision)) throw new Error("no revision");
    if (said.event === "snapshot") return this.replace(revision, body.items);
    if (!whole(body)) throw new Error("no hold");
    if (this.revision !== null && revision <= this.revision) return;
    if (said.event === "hold") { this.heard.set(key(body), body); this.changed = true; } // counts at once
    if (revision <= (this.waiting.at(-1)?.revision ?? -1)) throw new Error("changes out of order");
    this.highest = Math.max(this.highest, revision);
    this.waiting.push({ revision, hold: body, released: said.event === "release" });
  }
  replace(revision, items) {
    if (!items.every(whole)) throw new Error("no snapshot");
    const other = this.doubted || revision < this.highest; // a history of its own: lost is not released
    const kept = [...this.carried.values(), ...(other ? [...this.heard.values(), ...this.inForce.values()] : [])];
    const fresh = new Set(items.map(key));
    this.carried = new Map(kept.filter((hold) => !fresh.has(key(hold))).map((hold) => [key(hold), hold]));
    Object.assign(this, { inForce: new Map(items.map((hold) => [hold.id, hold])), heard: new Map(), waiting: [],
      revision, highest: revision, doubted: false, changed: true });
  }
  confirm({ revision, holds, checksum, age }) { // a release counts from here: nothing is missing around it
    if (this.revision === null || revision < (this.waiting.at(-1)?.revision ?? this.revision)) return;
    const next = new Map(this.inForce), last = new Map(), again = new Set(), before = this.revision;
    for (const { hold, released } of this.waiting) {
      if (released) next.delete(hold.id); else { next.set(hold.id, hold); again.add(key(hold)); }
      last.set(hold.id, released);
    }
    if (next.size !== holds || [...next.values()].reduce((sum, hold) => sum ^ bits(hold), 0n) !== BigInt("0x" + checksum)) {
      this.doubted = this.changed = true;
      throw new Error("the server's held set differs from ours");
    }
    for (const [at, hold] of this.heard) if (!again.has(at) && !last.get(hold.id)) this.carried.set(at, hold);
    for (const [at, hold] of this.carried) if (last.get(hold.id) || again.has(at)) this.carried.delete(at);
    Object.assign(this, { inForce: next, heard: new Map(), waiting: [], revision, highest: revision, failures: 0,
      confirmed: { clock: this.clock(), wall: this.wall(), age: Math.max(age, 0) } });
    this.changed ||= revision !== before || this.clock() - this.savedAt >= 30;
    this.state();
  }
  settle() { this.changed = false; this.rebuild(); this.state(); this.save(); }
  rebuild() {
    const found = new Map(), seen = new Map();
    for (const pile of [this.inForce, this.heard, this.carried]) for (const hold of pile.values()) seen.set(key(hold), hold);
    for (const hold of seen.values()) found.set(hold.scope.sku, [...(found.get(hold.scope.sku) ?? []), hold]);
    this.bySku = found;
  }

  save() {
    this.savedAt = this.clock();
    if (this.copy === null || this.revision === null) return;
    const [inForce, heard, carried] = [this.inForce, this.heard, this.carried].map((pile) => [...pile.values()]);
    const { revision, highest, doubted } = this, age = this.age();
    const body = JSON.stringify({ revision, highest, doubted, inForce, heard, carried, confirmedAt: age === null ? null : this.wall() - age });
    try {
      const file = openSync(this.copy + ".new", "w", 0o600);
      try { writeFileSync(file, `freezeguard 1 ${sha256(body).toString("hex")}\n${body}`); fsyncSync(file); } finally { closeSync(file); }
      renameSync(this.copy + ".new", this.copy);
    } catch (error) { console.error("freezeguard: the copy can't be written:", error.message); }
  }
  load() {
    if (this.copy === null) return;
    let text;
    try { text = readFileSync(this.copy, "utf8"); } catch (error) { if (error.code === "ENOENT") return; throw error; }
    const end = text.indexOf("\n"), body = text.slice(end + 1);
    if (text.slice(0, end) !== `freezeguard 1 ${sha256(body).toString("hex")}`) {
      renameSync(this.copy, this.copy + ".corrupt"); // unknown until the server was heard
      console.error("freezeguard: the copy is damaged and not to be trusted; kept as", this.copy + ".corrupt");
      return;
    }
    const { inForce, heard, carried, confirmedAt, ...rest } = JSON.parse(body), age = this.wall() - confirmedAt;
    const byKey = (holds) => new Map(holds.map((hold) => [key(hold), hold]));
    Object.assign(this, rest, { inForce: new Map(inForce.map((hold) => [hold.id, hold])), heard: byKey(heard), carried: byKey(carried) });
    if (confirmedAt !== null && age >= 0) this.confirmed = { clock: this.clock(), wall: this.wall(), age, onDisk: true };
    this.rebuild(); this.state();
  }
}
