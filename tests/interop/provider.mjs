// The certified provider `oidc-provider`, with MyAcademicID's claims, or Feide's.
//
// Standard input is one line of JSON: {"port", "people", "keys", "scopes"}.
//   people   {"key", "userinfo", "further"}: userinfo word for word, by the login hint `key`; what an
//            extended userinfo adds
//   keys     private signing keys (JWK), the first one signs
//   scopes   {scope: [claims]}
// It answers with a line {"issuer": ...} once it listens. Each further line is the metadata of one
// more client, answered with a line as well. It ends with its input.

import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { once } from "node:events";
import Provider from "oidc-provider";

const lines = createInterface({ input: process.stdin });
const [line] = await once(lines, "line");
const given = JSON.parse(line);
const server = createServer();
server.listen(given.port, "127.0.0.1");
await once(server, "listening");
const issuer = `http://127.0.0.1:${server.address().port}`;

const described = new Map(); // by subject, as of the latest login: people change over the years

const provider = new Provider(issuer, {
  jwks: { keys: given.keys },
  claims: given.scopes,
  scopes: Object.keys(given.scopes),
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  cookies: { keys: ["only for this run"] },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount(_, sub) {
    const person = described.get(sub);
    return person && { accountId: sub, claims: () => person.userinfo };
  },
  ttl: { Interaction: 600, Session: 3600, Grant: 3600, AccessToken: 600, IdToken: 600 },
});

// A person would be asked; whoever comes here says by `login_hint` who they are.
provider.use(async (ctx, next) => {
  if (ctx.path.startsWith("/interaction/")) {
    const { prompt, params, session } = await provider.interactionDetails(ctx.req, ctx.res);
    if (prompt.name === "login") {
      const person = given.people.find((each) => each.key === params.login_hint);
      if (person) described.set(person.userinfo.sub, person);
      const result = person
        ? { login: { accountId: person.userinfo.sub } }
        : { error: "access_denied", error_description: "nobody of that name" };
      return provider.interactionFinished(ctx.req, ctx.res, result);
    }
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    const consent = { grantId: await grant.save() };
    return provider.interactionFinished(ctx.req, ctx.res, { consent });
  }
  if (ctx.path === "/userinfo/extended") {
    const token = (ctx.get("authorization") ?? "").replace(/^Bearer /, "");
    const access = await provider.AccessToken.find(token);
    if (!access) return ctx.throw(401);
    ctx.body = described.get(access.accountId).further ?? ctx.throw(404);
    return undefined;
  }
  return next();
});

server.on("request", provider.callback());
lines.on("line", async (more) => {
  const client = JSON.parse(more);
  await provider.Client.adapter.upsert(client.client_id, client);
  console.log(JSON.stringify({ registered: client.client_id }));
});
lines.on("close", () => process.exit(0));
console.log(JSON.stringify({ issuer }));
