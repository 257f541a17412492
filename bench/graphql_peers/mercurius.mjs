// Mercurius on Fastify, with its JIT.

import Fastify from "fastify";
import mercurius from "mercurius";
import { accountOf, port, resolvers, typeDefs } from "./common.mjs";

const app = Fastify();
app.register(mercurius, {
  schema: typeDefs,
  resolvers,
  jit: 1,
  context: async (request) => ({ account: await accountOf(request.headers.authorization) }),
});
await app.listen({ port, host: "127.0.0.1" });
