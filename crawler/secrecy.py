"""Secrets that must stand in no log, page, metric or message: passwords in addresses, tokens, keys. Pure.

Two ways together: what looks like a secret by what stands before it (`password=`, `Authorization:`, `://user:`), and the very
values of the secrets that this process was given, wherever they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
LEAST = 6  # characters from which a value given is masked wherever it stands; shorter ones would mask common words

_NAME = (
    r"(?:[\w.-]*(?:passw(?:or)?d|passphrase|passwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|"
    r"credential|signature|sas[_-]?key)[\w-]*|pwd|pass|sig|x-amz-signature|x-amz-credential|x-amz-security-token|sessionid)"
)
# ://user:password@host; the password may hold any sign but white space, quotes and a slash, also an @
_USERINFO = re.compile(r"(?P<before>://[^\s/:@?#'\"<>]*:)(?P<secret>[^\s/'\"<>]*)(?=@)")
_AUTHORIZATION = re.compile(
    r"(?P<before>(?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?)(?P<secret>[^\r\n'\",}]+)", re.IGNORECASE
)
_SCHEME = re.compile(r"(?P<before>\b(?:bearer|basic|token)\s+)(?P<secret>[A-Za-z0-9+/._~=-]{8,})", re.IGNORECASE)
_NAMED = re.compile(
    rf"(?P<before>(?<![A-Za-z0-9])['\"]?{_NAME}['\"]?\s*(?:=>|[=:])\s*)"
    r"(?:\"(?P<quoted>(?:\\.|[^\"\\])*)\"|'(?P<single>(?:\\.|[^'\\])*)'|(?P<secret>[^\s,;&'\"<>})\]]+))",
    re.IGNORECASE,
)
_COOKIE = re.compile(r"(?P<before>\b(?:set-)?cookie['\"]?\s*[:=]\s*['\"]?)(?P<secret>[^\r\n'\"]+)", re.IGNORECASE)
_AWS_ID = re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")
_SECRET_VARIABLE = re.compile(r"PASSW|SECRET|TOKEN|ACCESS_KEY|ACCOUNT_KEY|API_KEY|PRIVATE_KEY|CREDENTIAL|SAS_KEY")


@dataclass(frozen=True)
class Masker:
    """Masks secrets. known: values that are secret wherever they stand."""

    known: frozenset[str] = frozenset()
    _pattern: re.Pattern[str] | None = field(init=False, compare=False, repr=False, default=None)

    def __post_init__(self) -> None:
        forms = {f for s in self.known if len(s) >= LEAST for f in (s, quote(s, safe=""), quote_plus(s), quote(s))}
        longest_first = sorted(forms, key=lambda f: (-len(f), f))
        if longest_first:
            object.__setattr__(self, "_pattern", re.compile("|".join(map(re.escape, longest_first))))

    def __call__(self, text: str) -> str:
        """The text with every secret replaced by ***."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return masked(text)

    def value(self, value: Any) -> Any:
        """A plain value (as for JSON) with the secrets of all its texts masked, and the values of keys that name a secret."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {
                self(str(k)): MASK if isinstance(v, str) and v and _is_secret_name(str(k)) else self.value(v)
                for k, v in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(v) for v in value]
        return value


def masked(text: str) -> str:
    """The text without what looks like a secret by what stands before it."""
    text = _USERINFO.sub(lambda m: m["before"] + MASK, text)
    text = _AUTHORIZATION.sub(lambda m: m["before"] + MASK, text)
    text = _COOKIE.sub(lambda m: m["before"] + MASK, text)
    text = _SCHEME.sub(_of_scheme, text)
    text = _NAMED.sub(_of_name, text)
    return _AWS_ID.sub(MASK, text)


def _of_scheme(m: re.Match[str]) -> str:
    # "basic information" is prose; what follows a scheme holds a figure, a sign or both cases
    secret = m["secret"]
    plain = secret.isalpha() and (secret.islower() or secret.isupper() or secret.istitle())
    return m[0] if plain else m["before"] + MASK


def _of_name(m: re.Match[str]) -> str:
    if m["quoted"] is not None:
        return f'{m["before"]}"{MASK}"' if m["quoted"] else m[0]
    if m["single"] is not None:
        return f"{m['before']}'{MASK}'" if m["single"] else m[0]
    return m["before"] + MASK


def _is_secret_name(name: str) -> bool:
    return re.fullmatch(_NAME, name, re.IGNORECASE) is not None or name.lower() in ("authorization", "cookie")


def masker_of(environment: Mapping[str, str], more: Iterable[str] = ()) -> Masker:
    """A masker that knows the secrets of an environment (by the names of its variables), and more."""
    given = {v for k, v in environment.items() if _SECRET_VARIABLE.search(k.upper())}
    for value in list(environment.values()):  # JIANGHUA_STATE=postgresql://user:password@host/…
        given |= {m["secret"] for m in _USERINFO.finditer(value)}
    return Masker(frozenset(s.strip() for s in (*given, *more) if len(s.strip()) >= LEAST))
