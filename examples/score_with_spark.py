"""Scores a Parquet data set on Spark: spark-submit examples/score_with_spark.py INPUT OUTPUT COLUMN."""

from __future__ import annotations

import argparse

from pyspark.sql import SparkSession

from escalate.spark import score


def main() -> None:
    """Read, score and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", help="Parquet file or folder that every node can read")
    parser.add_argument("output", help="folder to write; it must not be there yet")
    parser.add_argument("text_column", help="the column with the messages")
    parser.add_argument("--prefix", default="", help="put before the names of the added columns")
    parser.add_argument("--model", help="folder of a model bundle; without it the released model")
    parser.add_argument("--policy", help="JSON file with thresholds; without it the model's own")
    parser.add_argument("--partitions", type=int, help="cut the rows into so many tasks first")
    options = parser.parse_args()
    spark = SparkSession.builder.appName("escalate").getOrCreate()
    tickets = spark.read.parquet(options.input)
    if options.partitions:
        tickets = tickets.repartition(options.partitions)
    scored = score(tickets, options.text_column, options.prefix, options.model, options.policy)
    scored.write.parquet(options.output)
    spark.stop()


if __name__ == "__main__":
    main()
