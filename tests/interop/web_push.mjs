// Web Push as npm has it: `web-push` sends, `http_ece` opens as a browser does.
//
// Standard input: one line, {"do": "send", "subscription", "vapid": {"subject", "publicKey",
// "privateKey"}, "payload", "options"} or {"do": "open", "body", "privateKey", "publicKey",
// "auth"}, binaries in base64url. Standard output: one line, {"status"} or {"message"}.

import { createECDH } from "node:crypto";
import { text } from "node:stream/consumers";
import ece from "http_ece";
import webPush from "web-push";

const given = JSON.parse(await text(process.stdin));
const bytes = (value) => Buffer.from(value, "base64url");
let found;
if (given.do === "send") {
  const options = { vapidDetails: given.vapid, ...given.options };
  try {
    const answer = await webPush.sendNotification(given.subscription, given.payload, options);
    found = { status: answer.statusCode };
  } catch (error) {
    found = { status: error.statusCode ?? String(error) };
  }
} else {
  const key = createECDH("prime256v1");
  key.setPrivateKey(bytes(given.privateKey));
  const message = ece.decrypt(bytes(given.body), {
    version: "aes128gcm",
    privateKey: key,
    authSecret: bytes(given.auth),
  });
  found = { message: message.toString("utf-8") };
}
process.stdout.write(JSON.stringify(found));
