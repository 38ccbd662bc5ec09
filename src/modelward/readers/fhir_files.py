"""Files of FHIR: NDJSON or JSON, plain or gzipped, to resources one by one.

A bundle is read whole, NDJSON line by line, so an export may be larger than memory. What a
resource says is fhir.py's.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelward.readers.fhir_parts import Resource
from modelward.readers.record import unreadable


def files(path: Path) -> list[Path]:
    """Return the files of an export: the one that is named, or all of a folder, by name."""
    if path.is_file():
        return [path]
    endings = (".ndjson", ".json", ".ndjson.gz", ".json.gz")
    return sorted(file for file in path.rglob("*") if file.name.endswith(endings))


def resources(file: Path) -> Iterator[Resource]:
    """Yield the resources of one file, those of a bundle one by one.

    Raises:
        DataError: If it is no JSON, or was cut off.
    """
    opened = gzip.open if file.suffix == ".gz" else open
    number = 0
    try:
        with opened(file, "rt", encoding="utf-8") as stream:
            if ".ndjson" in file.name:
                for line in stream:
                    number += 1
                    if line.strip():
                        yield json.loads(line)
                return
            whole = json.load(stream)
    except (OSError, EOFError, UnicodeDecodeError, ValueError) as error:
        where = f"{file}, line {number}" if number else str(file)
        raise unreadable(where, f"is not JSON, or was cut off: {error}") from error
    yield from _unbundled(whole)


def _unbundled(whole: Any) -> Iterator[Resource]:  # noqa: ANN401 - parsed JSON
    if isinstance(whole, dict) and whole.get("resourceType") == "Bundle":
        for entry in whole.get("entry", ()):
            resource = entry.get("resource")
            if isinstance(resource, dict):
                named = str(entry.get("fullUrl", "")).removeprefix("urn:uuid:")
                yield resource if "id" in resource else {**resource, "id": named}
    elif isinstance(whole, dict):
        yield whole
