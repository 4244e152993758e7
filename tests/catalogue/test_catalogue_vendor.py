"""The scripts of others are what VENDORED.md says, with their licences, and nothing of ours or theirs reaches out."""

from __future__ import annotations

import hashlib
import re

from catalogue.build import static_files


def test_vendored_files_are_what_they_were() -> None:
    files = {p.removeprefix("vendor/"): c for p, c in static_files().items() if p.startswith("vendor/")}
    told = files.pop("VENDORED.md").decode()
    digests = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", told, re.MULTILINE))
    assert len(digests) > 30
    listed = {name: digest for digest, name in re.findall(r"^([0-9a-f]{64})  (\S+)$", told, re.MULTILINE)}
    assert listed == {p: hashlib.sha256(c).hexdigest() for p, c in files.items()}
    for package in ("hyparquet", "fzstd", "uplot"):
        assert b"Copyright (c)" in files[f"{package}/LICENSE"] or b"Permission is hereby granted" in files[f"{package}/LICENSE"]  # fmt: skip


def test_no_script_makes_html_of_text_or_runs_text() -> None:
    forbidden = re.compile(
        rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|setHTML|\.srcdoc|DOMParser"
    )
    for path, content in static_files().items():
        if path.endswith((".js", ".html")):
            assert not forbidden.search(content), path


def test_scripts_import_only_what_lies_beside_them() -> None:
    files = static_files()
    for path, content in files.items():
        if not path.endswith(".js"):
            continue
        text = re.sub(r"/\*.*?\*/", "", content.decode(), flags=re.DOTALL)
        named = re.findall(r"""^(?:import|export)\b[^'";]*?\bfrom\s*["']([^"']+)["']""", text, re.MULTILINE)
        named += re.findall(r"""\bimport\s*\(\s*["']([^"']+)["']""", text)
        assert named or "import" not in text.replace("important", ""), path
        for target in named:
            assert target.startswith("./"), (path, target)
            folder = path.rpartition("/")[0]
            assert f"{folder}/{target[2:]}".lstrip("/") in files, (path, target)
