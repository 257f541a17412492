"use strict";
// Shows GraphiQL where somebody is signed in, and the way to the login where nobody is.
const SAMPLE = `# Where does each of my mobilities stand, and whose move is it?
query Home {
  me {
    displayName
    unreadMessages
    mobilities {
      sendingInstitution { name }
      receivingInstitution { name }
      academicYear
      state
      whoseMove { party since institution { name } contact { givenNames familyName email } }
      steps { code phase state since }
      learningAgreement {
        state
        studiedCredits { scheme value }
        effectiveComponents { table title credits { scheme value } }
      }
      sources { api lastConfirmedAt lastError institution { name } }
    }
    inbox(first: 5) { title body createdAt readAt }
  }
}
`;

async function start() {
  const answer = await fetch("/graphql", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: "{ __typename }" }),
  });
  if (answer.status === 401) {
    document.getElementById("hello").hidden = false;
    return;
  }
  const place = document.getElementById("graphiql");
  place.hidden = false;
  ReactDOM.createRoot(place).render(
    React.createElement(GraphiQL, {
      fetcher: GraphiQL.createFetcher({ url: "/graphql" }),
      defaultQuery: SAMPLE,
      shouldPersistHeaders: false,
    }),
  );
}
start();
