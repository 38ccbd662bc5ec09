"""Files of FHIR: NDJSON or JSON, plain or gzipped, to resources one by one.

A bundle is read whole, NDJSON line by line, so an export may be larger than memory. What a
resource says is fhir.py's.

Entries of a bundle refer to each other by `fullUrl`, which may be a urn:uuid that the id of the
resource does not repeat (hl7.org/fhir/R4/bundle.html#references): such a reference is written
as Type/id before anybody looks at it. An entry without an id has the end of its `fullUrl`.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelward.readers.events.fhir_parts import Resource, end_of
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
    if not isinstance(whole, dict):
        return
    if whole.get("resourceType") != "Bundle":
        yield whole
        return
    entries = [
        each for each in whole.get("entry", ()) if isinstance(each.get("resource"), dict)
    ]
    found = [(str(each.get("fullUrl", "")), _with_id(each)) for each in entries]
    meant = _meant(found)
    for _, resource in found:
        yield _resolved(resource, meant) if meant else resource


def _with_id(entry: Mapping[str, Any]) -> Resource:
    """Return the resource of an entry under its own id, or that of its address."""
    resource: Resource = entry["resource"]
    if "id" in resource:
        return resource
    return {**resource, "id": end_of(str(entry.get("fullUrl", "")))}


def _meant(found: list[tuple[str, Resource]]) -> dict[str, str]:
    """Return how an entry may be referred to -> Type/id, where its address has another end."""
    meant: dict[str, str] = {}
    own = {f"{each.get('resourceType')}/{each['id']}" for _, each in found}
    for address, resource in found:
        end, kind = end_of(address), resource.get("resourceType")
        if end and end != str(resource["id"]):
            ways = {address, f"{kind}/{end}"} - own
            meant |= dict.fromkeys(ways, f"{kind}/{resource['id']}")
    return meant


def _resolved(part: Any, meant: Mapping[str, str]) -> Any:  # noqa: ANN401 - parsed JSON
    """Return a part of a resource with its references as Type/id."""
    if isinstance(part, list):
        return [_resolved(each, meant) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        key: meant.get(value, value)
        if key == "reference" and isinstance(value, str)
        else _resolved(value, meant)
        for key, value in part.items()
    }
