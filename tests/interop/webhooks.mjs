// Webhooks as `standardwebhooks` of npm verifies them.
//
// Standard input: one line, {"secret", "headers", "body"}. Standard output: one line, {"message"}
// or {"refused"} with what the library says.

import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";

const given = JSON.parse(await text(process.stdin));
let found;
try {
  found = { message: new Webhook(given.secret).verify(given.body, given.headers) };
} catch (error) {
  found = { refused: error.message };
}
process.stdout.write(JSON.stringify(found));
