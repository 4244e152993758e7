"""Pass a version on to the Hugging Face Hub: its folder as it is, in one commit, tagged with the version's name.

The card of the version names the files of each table one by one, so `load_dataset("REPO")` and `load_dataset("REPO", revision="2026-11-22.1")`
give just these. Needs the extra: pip install 'jianghua[hf]'.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from crawler.errors import DamagedError, JianghuaError, UsageError
from publisher.finding import sums
from publisher.reader import Dataset, open_dataset
from publisher.tables import TABLES

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did, or (dry) would do. add, delete: paths in the repository; unchanged: how many files are there already.

    commit: of the version in the repository, None in a dry run. compared: whether the repository was seen; a dry run that cannot reach
    it takes it for empty.
    """

    repo: str
    version: str
    add: tuple[str, ...]
    add_bytes: int
    delete: tuple[str, ...]
    unchanged: int
    commit: str | None
    url: str
    compared: bool = True


@dataclass(frozen=True, slots=True)
class _Remote:
    """What a repository holds: commit, and of each file the digests that the Hub knows (SHA-256 of large ones, git's of small)."""

    commit: str | None
    private: bool
    files: Mapping[str, frozenset[str]]


def push_hf(
    path: str | Path,
    repo: str,
    version: str | None = None,
    as_of: date | datetime | str | None = None,
    private: bool = False,
    dry_run: bool = False,
) -> Pushed:
    """Make a dataset repository hold a version, and tag the commit with its name.

    path: the dataset on this disk. repo: OWNER/NAME; made where it is not there, private: as a private one. Files of other
    versions in the tables' folders go in the same commit; what else lies in the repository stays. The token comes from
    HF_TOKEN (or `hf auth login`), the Hub's address from HF_ENDPOINT. dry_run: only say what would be done.

    Every file is verified before anything is sent. Run again after a break it sends what is missing; nothing to send makes no
    commit. Raises UsageError for a wrong name, no token, a public repository where a private one is asked for, GoneError,
    DamagedError, JianghuaError for what the Hub answers.
    """
    if "/" not in repo:  # the Hub would look for one that belongs to nobody
        raise UsageError(
            f"'{repo}' does not say whose repository it is",
            remedy=f"write it as OWNER/NAME, e.g. YOUR-NAME/{repo or 'speeches'}: OWNER is your name, or that of your organisation, on the Hub",
        )
    dataset = open_dataset(path, version, as_of)
    folder = _folder(dataset)
    files = _verified(dataset, folder)
    with _explained(repo) as token:
        from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

        validate_repo_id(repo)  # a dry run, too, tells a name that is none
        api = _api(token, needs_token=not dry_run)
        compared = True
        try:
            remote = _look(api, repo)
        except Exception as e:
            if not dry_run or isinstance(e, JianghuaError):
                raise
            remote, compared = _Remote(None, private, {}), False
        if private and remote.commit and not remote.private:
            raise UsageError(
                "the repository is public",
                where=repo,
                remedy="make it private on the Hub first, or leave --private out",
            )
        add = [n for n in files if not _digests(folder / n, files[n]) & remote.files.get(n, frozenset())]
        delete = [n for n in remote.files if n.partition("/")[0] in TABLES and "/" in n and n not in files]
        commit = None if dry_run else _commit(api, repo, dataset.version, folder, add, delete, remote, private)
        return Pushed(
            repo,
            dataset.version,
            tuple(add),
            sum((folder / n).stat().st_size for n in add),
            tuple(sorted(delete)),
            len(files) - len(add),
            commit,
            f"{api.endpoint}/datasets/{repo}",
            compared,
        )


def _folder(dataset: Dataset) -> Path:
    folder = dataset.folder
    if folder is None:
        raise UsageError(
            "only a dataset on this disk can be pushed",
            where=repr(dataset),
            remedy="run `jianghua download` first, and push what it made",
        )
    return folder


def _verified(dataset: Dataset, folder: Path) -> dict[str, str]:
    """Every file of the version with its SHA-256, each as it was published. Raises DamagedError."""
    from publisher.transfer import Folder

    files = sums(Folder(folder), "")
    for table, entry in dataset.manifest.tables.items():
        files |= {f"{table}/{p.file}": p.sha256 for p in entry.parts}
    for name, digest in files.items():
        path = folder / name
        if not path.is_file() or _sha256(path) != digest:
            raise DamagedError(
                "a file of the version is missing or damaged",
                where=str(path),
                remedy="restore it from a copy of the dataset; nothing was sent",
            )
    listed = folder / "SHA256SUMS"
    return dict(sorted(files.items())) | ({"SHA256SUMS": _sha256(listed)} if listed.is_file() else {})


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digests(path: Path, sha256: str) -> frozenset[str]:
    """What the Hub may call this content: the SHA-256, or git's SHA-1 of a small file."""
    if path.stat().st_size > 20 << 20:
        return frozenset({sha256})
    data = path.read_bytes()
    return frozenset({sha256, hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()})


def _api(token: str | None, needs_token: bool) -> HfApi:
    from huggingface_hub import HfApi

    if token is None and needs_token:
        raise UsageError(
            "there is no token for the Hugging Face Hub",
            remedy="set HF_TOKEN to one that may write (https://huggingface.co/settings/tokens), or run `hf auth login`",
        )
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token or False, library_name="jianghua")


def _look(api: HfApi, repo: str) -> _Remote:
    from huggingface_hub.errors import RepositoryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    try:
        info = api.repo_info(repo, repo_type="dataset")
    except RepositoryNotFoundError:
        return _Remote(None, False, {})
    files = {}
    for found in api.list_repo_tree(repo, recursive=True, revision=info.sha, repo_type="dataset"):
        if isinstance(found, RepoFile):
            files[found.path] = frozenset({found.blob_id, *([found.lfs.sha256] if found.lfs else [])})
    return _Remote(info.sha, bool(info.private), files)


def _commit(
    api: HfApi, repo: str, version: str, folder: Path, add: list[str], delete: list[str], remote: _Remote, private: bool
) -> str:
    """One commit with everything, so that nobody loads half of a version; then its tag."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    commit = remote.commit
    if commit is None:
        api.create_repo(repo, repo_type="dataset", private=private or None, exist_ok=True)
        commit = api.repo_info(repo, repo_type="dataset").sha
    if add or delete:
        made = api.create_commit(
            repo,
            [
                *(CommitOperationDelete(path_in_repo=n, is_folder=False) for n in delete),
                *(CommitOperationAdd(path_in_repo=n, path_or_fileobj=folder / n) for n in add),
            ],
            commit_message=version,
            repo_type="dataset",
            parent_commit=commit,  # refused when somebody else was faster
        )
        commit = made.oid
    assert commit is not None
    api.create_tag(repo, tag=version, revision=commit, repo_type="dataset", exist_ok=True)
    return commit


@contextmanager
def _explained(repo: str) -> Iterator[str | None]:
    """The token, if there is one; the Hub's errors as errors for people, without it."""
    try:
        from huggingface_hub import errors, get_token
    except ImportError as e:
        raise JianghuaError("huggingface_hub is not installed", remedy="pip install 'jianghua[hf]'") from e
    token = get_token()
    unanswered: type[Exception] = getattr(
        errors, "HTTPError", OSError
    )  # of the HTTP client that this release of the Hub's has
    try:
        yield token
    except errors.HFValidationError as e:
        raise UsageError(f"'{repo}' is no name of a repository", remedy="write it as OWNER/NAME") from e
    except (errors.HfHubHTTPError, unanswered, RuntimeError, ValueError, OSError) as e:
        what = (str(e).strip() or type(e).__name__).splitlines()[0]
        cause = str(e.__cause__ or "").strip().splitlines()
        told = f"{what} ({cause[0]})" if cause and cause[0] not in what else what
        raise JianghuaError(
            f"the Hub did not take it: {told.replace(token, '…') if token else told}",
            where=repo,
            remedy="check HF_TOKEN, the name and the network, then run the same command again: it sends what is missing",
        ) from None
