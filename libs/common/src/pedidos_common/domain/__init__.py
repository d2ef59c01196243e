"""The rules of Pedidos as values and tables: no I/O, no clock, no framework."""
