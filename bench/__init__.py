"""What this project measures of itself: one package for each thing that can be measured.

`paired` (`make bench`), `scaling`, `arq`, `layouts`, `latency`, `write_limit` and `capacity` are
commands, as is `page`, which shows all their results. `running` has what they start and read,
`results` is how they keep what they measured, `promises` what they hold it against, and
`command_line` how they take options. What `multiprocessing` starts is never in a `__main__`: a
process that is spawned does not load that.
"""
