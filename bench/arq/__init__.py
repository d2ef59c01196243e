"""A plain arq worker with one job an order, beside the pipeline."""
