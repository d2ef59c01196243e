"""The independent audit: what MongoDB holds, judged without any code of engine or worker.

It knows `docs/data-model.md` and the promises of the specification, nothing else, and reads the
database alone; where an API address is given, the API's figures are held against it too.
"""

from pedidos_cli.audit.audit import audit_run
from pedidos_cli.audit.run_facts import AuditImpossible
from pedidos_cli.audit.verdict import AuditVerdict, Check

__all__ = ["AuditImpossible", "AuditVerdict", "Check", "audit_run"]
