"""The review of broken glass: somebody else than who broke it says whether that was right."""

from __future__ import annotations

from index_service.errors import IndexServiceError
from index_service.store.connection import Connection
from index_service.store.on_file import glass_broken_by, review_broken_glass
from index_service.store.retrying import retried


class OwnGlass(IndexServiceError):
    """Who broke the glass does not review it."""

    hint = "Ask another supervisor or auditor."


@retried
def review_glass(conn: Connection, number: int, *, who: str, subject: str, was_justified: bool, remark: str) -> None:
    """Note what the review of broken glass found.

    Args:
        who: reviews it, as it is kept.
        subject: the same person, as the identity provider or the account names them.

    Raises:
        NotOnFile: there is none of this number, or it was reviewed before.
        OwnGlass: the reviewer broke it.
    """
    with conn.transaction():
        _, user = glass_broken_by(conn, number)
        if subject == user:
            raise OwnGlass
        review_broken_glass(conn, number, was_justified=was_justified, remark=remark, who=who)
