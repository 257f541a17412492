// GraphQL Yoga on node:http, its logging off.

import { createServer } from "node:http";
import { createSchema, createYoga } from "graphql-yoga";
import { accountOf, port, resolvers, typeDefs } from "./common.mjs";

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers, resolverValidationOptions: { requireResolversForResolveType: "ignore" } }),
  logging: false,
  graphiql: false,
  landingPage: false,
  context: async ({ request }) => ({
    account: await accountOf(request.headers.get("authorization")),
  }),
});
createServer(yoga).listen(port, "127.0.0.1");
