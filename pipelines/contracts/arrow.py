"""Arrow types of the declared columns."""

import pyarrow as pa
from pyspark.sql import types as T

from pipelines.contracts.tables import TableSpec

_SIMPLE: dict[type[T.DataType], pa.DataType] = {
    T.StringType: pa.string(),
    T.LongType: pa.int64(),
    T.IntegerType: pa.int32(),
    T.DoubleType: pa.float64(),
    T.BooleanType: pa.bool_(),
    T.BinaryType: pa.binary(),
    T.DateType: pa.date32(),
    T.TimestampType: pa.timestamp("us", tz="UTC"),
}


def arrow_type(kind: T.DataType) -> pa.DataType:
    """The Arrow type of a Spark type; structs, arrays and maps are walked."""
    if isinstance(kind, T.StructType):
        return pa.struct([pa.field(f.name, arrow_type(f.dataType)) for f in kind.fields])
    if isinstance(kind, T.ArrayType):
        return pa.list_(arrow_type(kind.elementType))
    if isinstance(kind, T.MapType):
        return pa.map_(arrow_type(kind.keyType), arrow_type(kind.valueType))
    return _SIMPLE[type(kind)]


def arrow_schema(spec: TableSpec) -> pa.Schema:
    """The Arrow schema of a declared table, with nullability and comments."""
    return pa.schema(
        [
            pa.field(c.name, arrow_type(c.type), c.nullable, metadata={"comment": c.comment})
            for c in spec.columns
        ]
    )
