// An app that follows something, with the clients of npm: `graphql-ws`, or `graphql-sse`.
//
// Standard input: first a line {"way": "ws" | "sse" | "single", "url", "token"}, then commands:
//   {"do": "follow", "id", "query", "field", "cursor"}   from now on; `cursor` of each event is the
//                        `after` of whatever subscription comes next
//   {"do": "ask", "id", "query"}
//   {"do": "token", "token"}   as if the app had refreshed its session
//   {"do": "leave", "id"}
// Standard output: a line for each thing that happens. It ends with its input.

import { createInterface } from "node:readline";
import { createClient as overWebSocket } from "graphql-ws";
import { createClient as overEvents } from "graphql-sse";
import WebSocket from "ws";

const COME_BACK = ["session_over", "going_away"];
const lines = createInterface({ input: process.stdin });
const words = lines[Symbol.asyncIterator]();
const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const given = JSON.parse((await words.next()).value);
let token = given.token;
const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

const client =
  given.way === "ws"
    ? overWebSocket({
        url: given.url.replace("http", "ws"),
        webSocketImpl: WebSocket,
        connectionParams: () => ({ authorization: `Bearer ${token}` }),
        retryAttempts: 20,
        retryWait: pause,
        on: { closed: (event) => tell({ closed: event.code, reason: event.reason }) },
      })
    : overEvents({
        url: given.url,
        singleConnection: given.way === "single",
        headers: () => ({ authorization: `Bearer ${token}` }),
        retryAttempts: given.way === "single" ? 0 : 20,
        retry: pause,
      });

const leaving = new Map();

function follow({ id, query, field, cursor, after }) {
  const payload = { query, variables: { after } };
  let again = false;
  const dispose = client.subscribe(payload, {
    next({ data, errors }) {
      if (errors?.some((each) => COME_BACK.includes(each.extensions?.code))) {
        again = true; // over server-sent events: the stream ends by itself now
        tell({ id, ended: errors[0].extensions.code });
      } else {
        if (data?.[field]) payload.variables.after = data[field][cursor];
        tell({ id, data, errors });
      }
    },
    error(error) {
      const code = error.code ?? error.response?.status ?? error[0]?.extensions?.code;
      tell({ id, error: code ?? String(error) });
    },
    async complete() {
      if (!again) return tell({ id, complete: true });
      await pause();
      follow({ id, query, field, cursor, after: payload.variables.after });
    },
  });
  leaving.set(id, dispose);
}

tell({ ready: true });
for await (const line of words) {
  const command = JSON.parse(line);
  if (command.do === "follow") follow(command);
  if (command.do === "ask") follow(command);
  if (command.do === "token") token = command.token;
  if (command.do === "leave") leaving.get(command.id)();
}
await client.dispose();
