"""From the reads of many assets to the one power a second of their portfolio.

`meters` says what is known of each asset, `wide`, `reads` and `running` sum what had
arrived (`sums`), `power` makes aggregate power of the sums, `judge` and `reading` say
how good it is.
"""
