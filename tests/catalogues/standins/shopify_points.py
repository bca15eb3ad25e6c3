"""What a query costs at Shopify, and the bucket that it is paid from.

By the documents (shopify.dev, GraphQL Admin API rate limits, November 2026): a scalar or enum costs
nothing, an object 1, an interface the most of what it may be, a connection as much as its `first`
says, a mutation 10. Before a query is run the bucket must hold what was asked for; afterwards it
gets back what was not found. The standard plan restores 100 points a second, and no query may ask
for more than 1,000.

Not documented is what a connection itself costs: 2 here, as it was once said, which is the more of
what was ever published. The size of the bucket is 1,000, the smallest that was ever published.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    parse,
    value_from_ast_untyped,
)

MOST_AT_ONCE, STANDARD, BUCKET = 1_000.0, 100.0, 1_000.0
MUTATION, CONNECTION = 10.0, 2.0
ASKED = object()
"""In the place of data: the cost of what is asked for, not of what was found."""


class Bucket:
    """A leaky bucket: so many points, restored so fast."""

    def __init__(self, restored: float = STANDARD, size: float = BUCKET) -> None:
        self.restored, self.size = restored, size
        self._points, self._at = size, time.monotonic()

    @property
    def points(self) -> float:
        """Return how many there are now."""
        now = time.monotonic()
        self._points = min(self.size, self._points + (now - self._at) * self.restored)
        self._at = now
        return self._points

    @points.setter
    def points(self, value: float) -> None:
        self._points, self._at = value, time.monotonic()


class Price:
    """The price of one request by a schema."""

    def __init__(self, schema: GraphQLSchema, document: str, variables: Mapping[str, Any]) -> None:
        parsed = parse(document)
        self._schema, self._variables = schema, variables
        self._fragments = {
            one.name.value: one for one in parsed.definitions
            if isinstance(one, FragmentDefinitionNode)
        }
        [self._operation] = [
            one for one in parsed.definitions if isinstance(one, OperationDefinitionNode)
        ]

    def of(self, data: Any = ASKED) -> float:
        """Return what is asked for, or with data what was found."""
        is_write = self._operation.operation is OperationType.MUTATION
        root = self._schema.mutation_type if is_write else self._schema.query_type
        fields = list(self._fields(root, self._operation.selection_set))
        if is_write:
            return MUTATION * len(fields)
        return sum(self._field(root, one, data) for one in fields)

    def _object(self, kind: Any, selection: SelectionSetNode, data: Any) -> float:
        """Return the price of one object with what is in it."""
        kinds = [kind]
        if is_abstract_type(kind) and data is ASKED:
            kinds = self._schema.get_possible_types(kind)
        return 1.0 + max(
            sum(self._field(one, field, data) for field in self._fields(one, selection))
            for one in kinds
        )

    def _fields(self, kind: Any, selection: SelectionSetNode) -> Iterator[FieldNode]:
        """Yield the fields that are selected of a type; of an abstract one, of whatever it is."""
        for one in selection.selections:
            if isinstance(one, FieldNode):
                yield one
            elif isinstance(one, FragmentSpreadNode):
                yield from self._fields(kind, self._fragments[one.name.value].selection_set)
            elif isinstance(one, InlineFragmentNode):
                wanted = self._schema.type_map[one.type_condition.name.value]
                fits = wanted is kind or is_abstract_type(kind) or (
                    is_abstract_type(wanted) and self._schema.is_sub_type(wanted, kind)
                )
                if fits:
                    yield from self._fields(kind, one.selection_set)

    def _field(self, kind: Any, field: FieldNode, data: Any) -> float:
        known = getattr(kind, "fields", {}).get(field.name.value)
        name = (field.alias or field.name).value
        found = ASKED if data is ASKED else data.get(name)
        if known is None and is_abstract_type(kind):
            known = next(
                (one.fields[field.name.value] for one in self._schema.get_possible_types(kind)
                 if field.name.value in one.fields), None)
        of = None if known is None else get_named_type(known.type)
        if of is None or is_leaf_type(of) or found is None or of.name == "PageInfo":
            return 0.0
        given = {
            one.name.value: value_from_ast_untyped(one.value, self._variables)
            for one in field.arguments or ()
        }
        if of.name.endswith("Connection"):
            return CONNECTION + self._nodes(of, field, found, given)
        if isinstance(given.get("ids"), list):
            items = [ASKED] * len(given["ids"]) if found is ASKED else found
            return sum(self._object(of, field.selection_set, one) for one in items if one)
        return self._object(of, field.selection_set, found)

    def _nodes(self, of: Any, field: FieldNode, found: Any, given: Mapping[str, Any]) -> float:
        price = 0.0
        for one in self._fields(of, field.selection_set):
            if one.name.value == "nodes":
                kind = get_named_type(of.fields["nodes"].type)
                items = [ASKED] * int(given["first"]) if found is ASKED else found["nodes"]
                price += sum(self._object(kind, one.selection_set, item) for item in items)
        return price
