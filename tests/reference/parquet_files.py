"""Writes the Parquet files of `tests/data` with pyarrow, whose values the unit tests of
`data::parquet` have as literals. Run it in a Python with the package `pyarrow`:

    python tests/reference/parquet_files.py
"""

import datetime
import decimal
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

DATA = pathlib.Path(__file__).parents[1] / "data"

ROWS = [
    {
        "island": "Dream", "mass": 3750.5, "year": 2007, "sex": "male", "ringed": True, "half": 1.5,
        "embedding": [0.25, -1.0, 2.0], "visits": [1, 2, 3], "names": {"latin": "Adélie"},
        "bill": {"length": 39.1, "depth": None}, "price": decimal.Decimal("-12.34"),
        "day": datetime.date(1970, 1, 11), "seen": datetime.datetime(1970, 1, 1, 0, 0, 1, 500), "raw": b"\x00\xff",
        "tiny": -128, "large": 18446744073709551615,
    },
    {
        "island": "Biscoe", "mass": None, "year": 2008, "sex": None, "ringed": False, "half": -0.25,
        "embedding": [0.0, 0.5, 1.0], "visits": [], "names": {}, "bill": {"length": 40.0, "depth": 18.5},
        "price": decimal.Decimal("99999999.99"), "day": datetime.date(1969, 12, 31),
        "seen": datetime.datetime(1970, 1, 2), "raw": b"", "tiny": 127, "large": 0,
    },
    {
        "island": "Torgersen", "mass": 4200.0, "year": 2009, "sex": "female", "ringed": True, "half": 0.0,
        "embedding": [3.0, 4.0, 5.0], "visits": [7], "names": {"latin": "x", "short": "y"},
        "bill": {"length": 38.0, "depth": 17.0}, "price": decimal.Decimal("0.00"), "day": datetime.date(1970, 1, 1),
        "seen": datetime.datetime(1970, 1, 1), "raw": b"abc", "tiny": 0, "large": 1,
    },
]
SCHEMA = pa.schema({
    "island": pa.string(), "mass": pa.float64(), "year": pa.uint16(), "sex": pa.dictionary(pa.int8(), pa.string()),
    "ringed": pa.bool_(), "half": pa.float16(), "embedding": pa.list_(pa.float32()), "visits": pa.list_(pa.int64()),
    "names": pa.map_(pa.string(), pa.string()), "bill": pa.struct({"length": pa.float32(), "depth": pa.float32()}),
    "price": pa.decimal128(10, 2), "day": pa.date32(), "seen": pa.timestamp("us"), "raw": pa.binary(),
    "tiny": pa.int8(), "large": pa.uint64(),
})

table = pa.Table.from_pylist(ROWS, schema=SCHEMA)
for compression in ["none", "snappy", "gzip", "zstd", "lz4"]:
    # Two rows in the first group, one in the second.
    pq.write_table(table, DATA / f"birds_{compression}.parquet", compression=compression, row_group_size=2)
# As a data frame with a number that is not one.
pq.write_table(pa.table({"x": [1.0, float("nan")]}), DATA / "not_a_number.parquet")
