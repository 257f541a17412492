// An assistant made with the official TypeScript client: signs in, lists the tools, calls each.
//
// Argument: {"url", "mode", "back", "client", "arguments": {tool: {...}}}. Asks for a student's
// answer by a line {"authorize": address}, and reads the query of where the browser came back.
import { createInterface } from "node:readline/promises";
import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from "@modelcontextprotocol/client";

const { url, mode, back, client: id, arguments: given } = JSON.parse(process.argv[2]);
const kept = {};
let asked;
const provider = {
  redirectUrl: back,
  clientMetadata: { redirect_uris: [back], token_endpoint_auth_method: "none" },
  clientInformation: () => ({ client_id: id }),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => {
    kept.tokens = tokens;
  },
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => {
    kept.verifier = verifier;
  },
  discoveryState: () => kept.discovered,
  saveDiscoveryState: (found) => {
    kept.discovered = found;
  },
  redirectToAuthorization: (address) => {
    asked = String(address);
  },
};

const connected = async (transport) => {
  const client = new Client(
    { name: "interop", version: "1" },
    { versionNegotiation: { mode: mode === "legacy" ? mode : { pin: mode } } },
  );
  await client.connect(transport);
  return client;
};

const at = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
const first = at();
let client;
try {
  client = await connected(first);
} catch (error) {
  if (!(error instanceof UnauthorizedError) && asked === undefined) throw error;
  console.log(JSON.stringify({ authorize: asked }));
  const lines = createInterface({ input: process.stdin });
  const answer = await lines.question("");
  lines.close();
  await first.finishAuth(new URLSearchParams(answer));
  // While the student was asked, the connection idled, and may end just as it is used again.
  client = await connected(at()).catch((error) => {
    if (error.cause?.code !== "UND_ERR_SOCKET") throw error;
    return connected(at());
  });
}
const { tools } = await client.listTools();
const results = {};
for (const { name } of tools) {
  const result = await client.callTool({ name, arguments: given[name] ?? {} });
  results[name] = { isError: result.isError ?? false, fields: Object.keys(result.structuredContent) };
}
console.log(
  JSON.stringify({
    version: client.getNegotiatedProtocolVersion?.() ?? null,
    server: client.getServerVersion(),
    results,
  }),
);
await client.close();
