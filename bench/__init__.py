"""What this project measures of itself: one package for each thing that can be measured.

`paired` (`make bench`), `scaling`, `arq`, `layouts`, `latency` and `capacity` are commands, as is
`page`, which shows all their results. `running` has what they start and read, `results` is how
they keep what they measured, `promises` what they hold it against, `command_line` their options.
"""
