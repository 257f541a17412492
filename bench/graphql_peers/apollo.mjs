// Apollo Server 5, standalone.

import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { accountOf, port, resolvers, typeDefs } from "./common.mjs";

const server = new ApolloServer({ typeDefs, resolvers, introspection: false });
await startStandaloneServer(server, {
  listen: { port, host: "127.0.0.1" },
  context: async ({ req }) => ({ account: await accountOf(req.headers.authorization) }),
});
