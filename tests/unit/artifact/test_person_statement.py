"""A signature under one kind of statement is worth nothing under another."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from modelward.artifact.person_statement import PersonSigned
from modelward.errors import MessageRefused
from tests.sites import ADA

SAYS = ("a word", "it was not signed as this", "sign it again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise(PersonSigned):
    FORMAT: ClassVar[str] = "test-promise/1"
    OWN: ClassVar[dict[str, str]] = {"what": r"\w{1,20}"}
    SAYS: ClassVar[tuple[str, str, str]] = SAYS
    what: str
    site: str = "cleveland"
    person: str = "Dr Ada Byron"
    time: str = "2026-11-20T09:30:00Z"
    public: str = "0" * 64
    signature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish(Promise):
    FORMAT: ClassVar[str] = "test-wish/1"


def test_a_statement_reads_back_with_who_signed_it():
    promise = Promise(what="silence").signed(ADA)

    assert Promise.read(promise.body()) == promise
    assert promise.public == ADA.public_key().public_bytes_raw().hex()


def test_a_signed_promise_is_no_signed_wish():
    body = Promise(what="silence").signed(ADA).body()

    with pytest.raises(MessageRefused, match="a word is refused: its signature"):
        Wish.read({**body, "format": "test-wish/1"})


def test_a_field_of_its_own_has_to_have_its_form():
    with pytest.raises(MessageRefused, match="its what is malformed"):
        Promise(what="two words")
