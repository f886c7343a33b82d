"""
A small DynamoDB of our own behind loopback HTTP, for first steps, rehearsals and tests.

::

    async with serve(Path("runs/tables.sqlite"), settings=EngineSettings(wcu=500)) as endpoint:
        ...  # any DynamoDB client on endpoint.url, with any credentials

It has the table calls and the item calls that a load and a look at its result need: CreateTable,
DescribeTable, ListTables, UpdateTable, DeleteTable, UpdateTimeToLive, DescribeTimeToLive, PutItem,
GetItem, DeleteItem, BatchWriteItem, BatchGetItem, Scan and Query. Rules and sizes are those of
`pipeline.table.rules` and `pipeline.table.size`, texts are AWS's where known and else DynamoDB
Local's. It is for rehearsal: DynamoDB Local is the oracle, and tests/contract holds this one to it.

What the service does and this engine does not:

- It verifies no signature; a request without Authorization is refused all the same. It answers
  only as 127.0.0.1 or localhost. All credentials and regions see the same tables.
- No other operation; no condition, filter, projection or update expression, no legacy parameter, no
  PartiQL, stream, backup, tag, encryption setting or deletion protection. What it cannot obey it
  refuses by name, also parameters that do not exist. Reserved words are not refused as names.
- Tables are ACTIVE and gone at once; item counts are of this moment; every read is consistent, in
  indexes too; time to live is remembered, but nothing is ever deleted for it.
- One call more, private to us: a table can be given settings of its own (`configure`).
- Write capacity is limited only by `EngineSettings`, not by a table's own throughput; reads never
  are. No quota, no auto scaling, no adaptive capacity; a burst is a second's worth, not 300.
- Items that chance hands back (`unprocessed`, `throttle`) name a reason, but no bucket was empty.
- No 10 GB limit of an item collection; UpdateTable neither adds nor removes an index.
- A message never quotes a value: a batch of 26 is "Value '{table=[26 requests]}'".
- A power cut may cost the last writes (SQLite's WAL without a sync each); a SIGKILL costs none.

What DynamoDB Local 3.3.1 does differently:

- The words of many refusals; MissingAuthenticationToken for MissingAuthenticationTokenException.
- A 500 InternalFailure for malformed values, bodies and bad base64, a SerializationException here.
- It takes ProvisionedThroughput for an on-demand table, a lone surrogate in text, JSON numbers and
  texts of booleans in place of typed values, base64 with a line end, one key in two spellings in
  BatchGetItem, and an unknown ReturnConsumedCapacity; all are refused here, as by AWS.
- It leaves numbers inside lists and maps as they were written; here they are normalised everywhere.
- It sorts the members of sets; here they keep their order.
- Capacity: deleting an absent item in a batch is 2 units, here 1; absent keys cost nothing in
  BatchGetItem and an empty Query nothing, here the minimum; a local index is scanned at the size of
  whole items, here of what it shows; an index may be charged without having an entry.
- IndexSizeBytes counts more than the index shows; a DELETING table is described as ACTIVE.
- Each access key id has its own tables. It never throttles.
- It keeps scan order and segments to itself; here both go by a hash of the partition key.
"""

from pipeline.embedded.server import Endpoint, serve
from pipeline.embedded.settings import EngineSettings
from pipeline.embedded.storage.lock import EngineBusyError
from pipeline.embedded.tuning.remote import configure

__all__ = ["Endpoint", "EngineBusyError", "EngineSettings", "configure", "serve"]
