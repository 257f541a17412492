"""GraphQL operations of a Strawberry schema, compiled once into straight Python."""

from strawberry_plans.plans import Plans

__all__ = ["Plans"]
