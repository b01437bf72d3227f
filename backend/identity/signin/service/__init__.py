"""The steps of a sign-in.

Unlike other services these take the database and not a session: what a refused attempt leaves behind (a counted
failure) must be committed although the request fails. `admit` is for whoever has proven who one is elsewhere.
"""

from backend.identity.signin.service.admission import admit, by_password, go_on
from backend.identity.signin.service.codes import check_code
from backend.identity.signin.service.enrolment import begin_enrolment, finish_enrolment
from backend.identity.signin.service.passwords import prove
from backend.identity.signin.service.proof import (
    DIRECTORY,
    INVITATION,
    PASSKEY,
    PASSWORD,
    SWITCH,
    Proven,
)
from backend.identity.signin.service.second_step import begin_passkey, by_code, by_passkey
from backend.identity.signin.service.standing import is_asked

__all__ = [
    "DIRECTORY",
    "INVITATION",
    "PASSKEY",
    "PASSWORD",
    "SWITCH",
    "Proven",
    "admit",
    "begin_enrolment",
    "begin_passkey",
    "by_code",
    "by_passkey",
    "by_password",
    "check_code",
    "finish_enrolment",
    "go_on",
    "is_asked",
    "prove",
]
