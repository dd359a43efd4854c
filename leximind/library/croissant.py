"""What a dataset is, for other tools: ``croissant.json`` (MLCommons Croissant) and ``dataset_infos.json``.

Croissant 1.0 is JSON-LD: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html. The other file
holds the features, splits and sizes as the `datasets` library writes them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from leximind.errors import DataError
from leximind.labels import EMOTIONS, TOPICS
from leximind.library.dataset import SHARDS, list_works, read_manifest
from leximind.library.work import SCHEMA, features

if TYPE_CHECKING:
    from datasets import DatasetInfo

CROISSANT, INFOS = "croissant.json", "dataset_infos.json"
RECORDS: Final = "works"
NAME: Final = "LexiMind discovery"

MEANINGS: Final = {
    "id": "stable name of the work",
    "kind": "book or paper",
    "title": "title of the work",
    "authors": "names as they are shown",
    "year": "of first publication; negative before our era, null when unknown",
    "url": "where to read it",
    "source": "who offers it there",
    "license": "what the source states about the described text",
    "language": "code of the language, such as en",
    "subjects": "what it is about, in plain words",
    "description": "the text that is shown; what was analysed is in the provenance",
    "summary": "one or two sentences",
    "summary_source": "written by the model's decoder, or extracted: the text's own key sentence",
    "topic": "the most probable of the seven topics",
    "topic_scores": f"a probability for each topic: {', '.join(TOPICS)}",
    "emotions": f"a calibrated probability for each emotion: {', '.join(EMOTIONS)}",
    "tone": "up to four emotions that stand out from the average of all works, strongest first",
    "arc": "the emotions in the same order, from beginning to end, for works read as a whole",
    "embedding": "of title and description, unit length",
    "x": "position on a map of the works",
    "y": "position on a map of the works",
    "provenance": "which text the figures come from, the description or the full text",
    "n_words": "words of the full text; null without one",
    "model": "what analysed the work",
    "analysed_at": "the day of the analysis",
}

# As the specification gives it, so that every reader knows the short names.
_CONTEXT: Final = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def describe(folder: Path, address: str = "", revision: str = "main") -> tuple[Path, Path]:
    """Write both files next to the works of a dataset; the same works always give the same bytes.

    Args:
        folder: holds the manifest and ``works.parquet``, or its shards.
        address: of the dataset's page on the Hub; "" leaves the files' addresses relative to the folder.
        revision: of the files there.

    Raises:
        NotFoundError: the folder holds no dataset.
        DataError: its works or its manifest cannot be read.
    """
    files, manifest = list_works(folder), read_manifest(folder)
    infos = {"default": asdict(make_info(folder))}
    written = (folder / CROISSANT, folder / INFOS)
    croissant = _make_croissant(files, manifest, address, revision)
    for path, content in zip(written, (croissant, infos), strict=True):
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return written


def make_info(folder: Path) -> "DatasetInfo":
    """Features, rows and sizes as the `datasets` library describes a dataset.

    Raises:
        NotFoundError: the folder holds no dataset.
        DataError: its works cannot be read.
    """
    from datasets import DatasetInfo, SplitDict, SplitInfo

    files = list_works(folder)
    try:
        metadata = [pq.read_metadata(path) for path in files]
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"The works in {folder} cannot be read: {error}", hint="Build them again.") from error
    groups = [part.row_group(i) for part in metadata for i in range(part.num_row_groups)]
    n_bytes, n_rows = sum(group.total_byte_size for group in groups), sum(part.num_rows for part in metadata)
    download = sum(path.stat().st_size for path in files)
    splits = SplitDict()
    splits.add(SplitInfo("train", num_bytes=n_bytes, num_examples=n_rows, dataset_name=None))
    return DatasetInfo(
        description=NAME,
        features=features(),
        splits=splits,
        download_size=download,
        dataset_size=n_bytes,
        size_in_bytes=download + n_bytes,
    )


def digest(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_croissant(
    files: Sequence[Path], manifest: dict[str, Any], address: str, revision: str
) -> dict[str, Any]:
    distribution, source = _distribute(files, address, revision)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": NAME,
        "description": (
            f"{manifest['n_works']} books and papers with topic, emotions, summary and embedding, for "
            f"finding the next one to read. Analysed by {manifest['model']}."
        ),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": "Each row says in its license column what its source states.",
        "citeAs": f"@misc{{leximind-discovery, title={{{NAME}}}, version={{{manifest['version']}}}}}",
        "url": address or "https://huggingface.co/datasets",
        # The content hash as a version that sorts nowhere but names the data exactly.
        "version": f"0.0.0+{manifest['version']}",
        "datePublished": manifest.get("built_at") or "1970-01-01",
        "keywords": ["books", "papers", "emotion", "topic", "semantic search"],
        "distribution": distribution,
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": RECORDS,
                "name": RECORDS,
                "description": "One row a work.",
                "key": {"@id": f"{RECORDS}/id"},
                "field": [_make_field(field, source) for field in SCHEMA],
            }
        ],
    }


def _distribute(
    files: Sequence[Path], address: str, revision: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The files, and what a field says of where it is found."""
    if len(files) == 1:
        name = files[0].name
        one = {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": f"{address}/resolve/{revision}/{name}" if address else name,
            "contentSize": f"{files[0].stat().st_size} B",
            "encodingFormat": "application/x-parquet",
            "sha256": digest(files[0]),
        }
        return [one], {"fileObject": {"@id": name}}
    whole = {
        "@type": "cr:FileObject",
        "@id": "repository",
        "name": "repository",
        "contentUrl": f"{address}/tree/{revision}" if address else ".",
        "encodingFormat": "git+https",
        # Croissant wants a hash, and a repository has none; the shards' own are in the manifest.
        "sha256": hashlib.sha256("".join(map(digest, files)).encode()).hexdigest(),
    }
    shards = {
        "@type": "cr:FileSet",
        "@id": "shards",
        "name": "shards",
        "containedIn": {"@id": "repository"},
        "encodingFormat": "application/x-parquet",
        "includes": SHARDS,
    }
    return [whole, shards], {"fileSet": {"@id": "shards"}}


def _make_field(field: pa.Field, source: dict[str, Any]) -> dict[str, Any]:
    kind, is_list = field.type, False
    while pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        kind, is_list = kind.value_type, True
    named = {"url": "sc:URL", "analysed_at": "sc:Date"}
    plain = {
        "@type": "cr:Field",
        "@id": f"{RECORDS}/{field.name}",
        "name": field.name,
        "description": MEANINGS.get(field.name, field.name),
        "dataType": named.get(field.name) or _name_type(kind),
        "source": source | {"extract": {"column": field.name}},
    }
    return plain | ({"repeated": True} if is_list else {})


def _name_type(kind: pa.DataType) -> str:
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Integer" if pa.types.is_integer(kind) else "sc:Text"
