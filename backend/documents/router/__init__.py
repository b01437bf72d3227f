"""HTTP of documents: one module per group of operations."""

from fastapi import APIRouter

from backend.core.errors import UnauthenticatedError
from backend.core.problems import problem_responses
from backend.documents.router import content, documents, limits, trash, uploads

router = APIRouter(responses=problem_responses(UnauthenticatedError))
for _module in (documents, uploads, content, trash, limits):
    router.include_router(_module.router)
