"""Every module that defines tables, so that the metadata is whole."""

from backend.access import models as access
from backend.audit import models as audit
from backend.collection import models as collection
from backend.core import idempotency, outbox
from backend.documents import models as documents
from backend.duplicates import models as duplicates
from backend.folders import models as folders
from backend.identity import models as identity
from backend.identity.api_keys import models as api_keys
from backend.identity.external import models as external
from backend.identity.passkeys import models as passkeys
from backend.identity.second_factor import models as second_factor
from backend.imports import models as imports
from backend.intake import models as intake
from backend.jobs import models as jobs
from backend.previews import models as previews
from backend.scanning import models as scanning
from backend.search import models as search
from backend.texts import models as texts
from backend.uploads import models as uploads
from backend.verification import models as verification

MODELS = (
    idempotency,
    outbox,
    audit,
    identity,
    api_keys,
    passkeys,
    external,
    second_factor,
    folders,
    access,
    documents,
    previews,
    collection,
    search,
    duplicates,
    texts,
    uploads,
    imports,
    verification,
    scanning,
    jobs,
    intake,
)
