"""Everything that reaches outside: AWS, stores, the log, the server. Adapters know no web."""
