"""feed.xml of a dataset: its versions as an Atom feed (RFC 4287), newest first, made from the entries of versions.json."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

from crawler.wording import plural
from publisher.documents.about import CREATOR, SUMMARY
from publisher.documents.markdown import number

ATOM = "http://www.w3.org/2005/Atom"
MOST = 200  # entries; versions.json lists every version
# Char of XML 1.0: all else cannot stand in a document, not even as a reference.
_NO_CHAR = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPACE = uuid.UUID("6f5ff4a3-7a5c-5e3b-9b69-0d9d1b0f5b11")  # of the names below
ET.register_namespace("", ATOM)


def feed(dataset: str, listed: Sequence[Mapping[str, Any]]) -> bytes:
    """The feed. listed: entries of versions.json (publisher.projections.entry), and tombstones of versions (publisher.manifest.Gone).

    An entry's id comes from the manifest's digest, so that it stays when the version becomes a tombstone. Raises ValueError
    when nothing is listed: a feed needs a time.
    """
    if not listed:
        raise ValueError("a feed of no version")
    newest = sorted(listed, key=lambda v: (int(v["sequence"]), _updated(v), str(v["version"])), reverse=True)
    root = ET.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": "en"})
    _text(root, "id", _id(dataset, newest[-1]["manifest_sha256"]))
    _text(root, "title", f"Jianghua {dataset}: versions")
    _text(root, "subtitle", SUMMARY)
    _text(root, "updated", max(map(_updated, newest)))
    _text(ET.SubElement(root, f"{{{ATOM}}}author"), "name", CREATOR)
    _link(root, "self", "feed.xml", "application/atom+xml")
    _link(root, "alternate", "versions.json", "application/json")
    for v in newest[:MOST]:
        _entry(root, dataset, v)
    ET.indent(root, " ")
    return _sealed(f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode())


def _sealed(data: bytes) -> bytes:
    """The feed with its SHA-256 behind it, so that damage can be told from a feed that is merely older than the newest version."""
    return data + f"<!-- sha256 {hashlib.sha256(data).hexdigest()} of what stands above -->\n".encode()


def whole(data: bytes) -> bool:
    """Whether a feed is as it was written."""
    at = data.rfind(b"<!-- sha256 ")
    return at > 0 and _sealed(data[:at]) == data


def _entry(root: ET.Element, dataset: str, v: Mapping[str, Any]) -> None:
    version = str(v["version"])
    here = f"versions/{version}"
    entry = ET.SubElement(root, f"{{{ATOM}}}entry")
    _text(entry, "id", _id(dataset, str(v["manifest_sha256"]), version))
    _text(entry, "updated", _updated(v))
    if v.get("state"):
        _text(entry, "title", f"{dataset} {version} ({v['state']})")
        _text(entry, "summary", _gone(v))
        _link(entry, "alternate", f"{here}.gone.json", "application/json")
        if v.get("replaced_by"):
            _link(entry, "related", f"versions/{v['replaced_by']}/README.md", "text/markdown")
        return
    _text(entry, "published", _updated(v))
    _text(entry, "title", f"{dataset} {version}: {number(int(v['rows']))} {plural(int(v['rows']), 'speech')}")
    _text(entry, "summary", _counts(v))
    _link(entry, "alternate", f"{here}/README.md", "text/markdown")
    for name, media in (
        ("CHANGES.md", "text/markdown"),
        ("manifest.json", "application/json"),
        ("croissant.json", "application/ld+json"),
    ):
        _link(entry, "related", f"{here}/{name}", media)


def _counts(v: Mapping[str, Any]) -> str:
    against = f"against {v['parent']}" if v.get("parent") else "in the first version"
    return (
        f"{number(int(v['rows']))} {plural(int(v['rows']), 'speech')}: {number(int(v.get('added', 0)))} added, {number(int(v.get('changed', 0)))} changed, "
        f"{number(int(v.get('removed', 0)))} removed {against}; {number(int(v.get('bytes', 0)))} {plural(int(v.get('bytes', 0)), 'byte')}; schema {v.get('schema_version', '')}."
    )


def _gone(v: Mapping[str, Any]) -> str:
    why = {"yanked": "Taken down", "retired": "Retired"}.get(str(v["state"]), str(v["state"]))
    more = f" Use {v['replaced_by']} instead." if v.get("replaced_by") else ""
    reason = str(v.get("reason") or "no reason given")
    told = reason if reason.lower().startswith(f"{why.lower()}:") else f"{why}: {reason}"
    return f"{told[0].upper()}{told[1:]}.{more}"


def _id(dataset: str, *names: str) -> str:
    return uuid.uuid5(_SPACE, "\n".join((dataset, *names))).urn


def _updated(v: Mapping[str, Any]) -> str:
    """When an entry last changed, as RFC 3339 in UTC, so that such strings sort by time."""
    at = v["at"] if v.get("state") else v["published_at"]
    when = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(parent: ET.Element, name: str, value: str) -> None:
    ET.SubElement(parent, f"{{{ATOM}}}{name}").text = _NO_CHAR.sub(" ", value)


def _link(parent: ET.Element, rel: str, href: str, media: str) -> None:
    ET.SubElement(parent, f"{{{ATOM}}}link", {"rel": rel, "type": media, "href": href})
