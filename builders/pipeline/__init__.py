"""The stages from sources to a discovery dataset; each can be run alone, and each writes down what it did.

A work folder holds what lies between them::

    sources/   parts/00000.parquet ...   entries, cleaned; rejected.jsonl
    analyse/   shards/00000.parquet ...  what the model found in each part; texts/ ...  full texts, read once
    halves.parquet                       emotions of both halves of each full text
    STAGE.json                           a manifest each: input, model, configuration, output, counts

A part and its shard have the same number. Everything is put in place in one step, so a kill leaves whole
files or none, and a stage whose manifest still fits is not run again.
"""
