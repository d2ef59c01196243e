"""An independent look at checkouts: our database beside the providers' own books."""

from pedidos_cli.audit.checkouts.audit import audit_checkouts

__all__ = ["audit_checkouts"]
