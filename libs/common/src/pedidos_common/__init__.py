"""What the Pedidos services share: domain, ports, adapters, job execution, runtime."""
