"""One module for each group of commands; `pedidos_cli.main` puts them together."""
