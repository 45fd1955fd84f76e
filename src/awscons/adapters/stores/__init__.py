"""Stores of records: a module for each kind of store, which implements `awscons.store.RecordStore`.

choice            opens the store that the configuration names, and returns warnings about it
memory_store      SimpleCache: the memory of one process
file_store        FileSystem: a folder with one file for each record
sqlite_store      SQLite: the embedded default, one database file
redis_store       Redis, RedisCache, Valkey: a server, Sentinels or a Cluster
redis_clients     redis-py's clients for each of these
elasticache_token  passwords for ElastiCache, signed with AWS credentials
memcached_store   Memcached: one or several memcached servers
dynamodb_store    DynamoDB: a table in AWS
record_json       records to and from JSON bytes; lifetimes in seconds
failures          errors of the libraries become StoreUnavailable
"""
