"""HTTP of access: one module per group of operations."""

from fastapi import APIRouter

from backend.access.router import explaining, grants, policies
from backend.core.errors import UnauthenticatedError
from backend.core.problems import problem_responses

router = APIRouter(responses=problem_responses(UnauthenticatedError))
for _module in (grants, policies, explaining):
    router.include_router(_module.router)
