"""The edges that the world sees: GraphQL, login and operations, and our side as an EWP host."""
