// Lets a test ask the Node client: one JSON object a line, one answer each. Its clocks can be set.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [path, given] = process.argv.slice(2);
const { Freezeguard } = await import(pathToFileURL(path));
const off = { clock: 0, wall: 0 }, moves = [];
let client;
const orders = {
  check: ({ sku, asked, risk }) => ({ ...client.check(sku, { ...asked, risk }), may: client.maySell(sku, { ...asked, risk }) }),
  pass: ({ seconds }) => { off.clock += seconds; off.wall += seconds; },
  set: ({ clock = 0, wall = 0 }) => { off.clock += clock; off.wall += wall; },
  forget: ({ sku }) => client.forgetCarried(sku),
  moves: () => moves.map((move) => [move.before, move.after]),
  status: () => ({ carried: client.carried.size, revision: client.revision, lastError: client.lastError }),
  refresh: () => null,
};
try {
  client = new Freezeguard({
    ...JSON.parse(given), firstRetry: 0.02, longestRetry: 0.05, onState: (move) => moves.push(move),
    clock: () => performance.now() / 1000 + off.clock, wall: () => Date.now() / 1000 + off.wall,
  }).start();
} catch (error) {
  console.log(JSON.stringify({ refused: error.message }));
  process.exit(0);
}
console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  console.log(JSON.stringify(orders[order.do](order) ?? null));
}
await client.close();
