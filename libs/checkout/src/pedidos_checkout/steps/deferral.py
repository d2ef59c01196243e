"""What becomes of a job whose provider is not to be asked now."""

from __future__ import annotations

from pedidos_checkout.ports.providers import ProviderPaused
from pedidos_common.domain.jobs import Retry


def deferred(error: ProviderPaused) -> Retry:
    """The job comes again when the provider may be asked; that is no attempt of it.

    `ProviderUnavailable` needs nothing of the kind: let it out of the job's function, and it is an
    attempt that failed, with the function's backoff.
    """
    return Retry(str(error), error.retry_after_seconds, deferred=True)
