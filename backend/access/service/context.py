"""What is known of who asks, from where and when: the attributes that conditions may test beside a document's own."""

from backend.access.conditions import Attributes, address_of
from backend.access.rules import Principal, PrincipalKind
from backend.core.actor import Actor, Role
from backend.core.clock import now
from backend.core.origin import current_origin


def principal_of(actor: Actor) -> Principal:
    """Return an actor as a principal."""
    return Principal.of_user(actor.user_id)


def context_of(actor: Actor) -> Attributes:
    """Return the attributes of the request being served."""
    return {
        "dms:userId": (str(actor.user_id),),
        # By the role: limited credentials of an administrator must not escape what is denied to administrators.
        "dms:administrator": (actor.role is Role.ADMINISTRATOR,),
        "dms:currentTime": (now(),),
        "dms:sourceIp": address_of(current_origin().address),
    }


def assumed_context(principal: Principal, *, is_administrator: bool = False) -> Attributes:
    """Return what is known of a principal who is not asking: the time, and no address."""
    attributes: Attributes = {
        "dms:administrator": (is_administrator,),
        "dms:currentTime": (now(),),
    }
    if principal.kind is PrincipalKind.USER:
        return {**attributes, "dms:userId": (str(principal.id),)}
    return attributes
