// firebase-admin for Node as documented, `sendEach` with 500 messages a call. Each call opens a
// connection of its own, so how many calls run side by side is tried out first.
import http2 from "node:http2";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";

const connect = http2.connect;
http2.connect = (_, ...rest) => connect(process.env.FCM, ...rest); // it takes no other address

const require = createRequire(import.meta.url);
const { initializeApp } = require("firebase-admin/app");
const { getMessaging } = require("firebase-admin/messaging");

const credential = {
  getAccessToken: async () => ({ access_token: "ya29.bench", expires_in: 3600 }),
};
const messaging = getMessaging(initializeApp({ credential, projectId: "bench" }));
const ttl = 72 * 3600 * 1000;

function message() {
  const id = randomUUID();
  const fid = `f${randomUUID().replaceAll("-", "").slice(0, 21)}`;
  return {
    fid,
    notification: { title: "A tua nomeação chegou", body: "Toca para ver o próximo passo." },
    data: { id, kind: "nominated", mobility: id },
    android: { collapseKey: id, priority: "high", ttl, notification: { tag: id } },
    apns: {
      headers: { "apns-collapse-id": id, "apns-priority": "10", "apns-expiration": "1800000000" },
      payload: { aps: { threadId: id } },
    },
    webpush: { headers: { TTL: "259200", Urgency: "high", Topic: id.replaceAll("-", "") } },
  };
}

async function send(number, sideBySide) {
  let left = number;
  let sent = 0;
  const one = async () => {
    while (left > 0) {
      const many = Math.min(left, 500);
      left -= many;
      const answer = await messaging.sendEach(Array.from({ length: many }, message));
      sent += answer.successCount;
      const failed = answer.responses.find((each) => !each.success);
      if (failed) throw failed.error;
    }
  };
  await Promise.all(Array.from({ length: sideBySide }, one));
  return sent;
}

let warm = 0;
let best = { rate: 0, sideBySide: 1 };
for (const sideBySide of [1, 2, 4, 8]) {
  const began = performance.now();
  const many = await send(500 * sideBySide, sideBySide);
  const rate = many / (performance.now() - began);
  warm += many;
  if (rate > best.rate) best = { rate, sideBySide };
}
const before = process.cpuUsage();
const began = performance.now();
const sent = await send(Number(process.argv[2]), best.sideBySide);
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(before);
const cpu = (user + system) / 1e6;
console.log(JSON.stringify({ sent, warm, seconds, cpu, note: `${best.sideBySide} calls of 500 at a time` }));
process.exit(0);
