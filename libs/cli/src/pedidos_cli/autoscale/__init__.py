"""As many workers as the work that waits needs, on one machine.

The formula is that of the query in `deploy/k8s/components/keda/worker.yaml`, so that what is
seen here is what a cluster does.
"""
