// A Node service on the AWS SDK v3: BatchWriteCommand of lib-dynamodb, five in flight.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { BatchWriteCommand, DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";

const TABLE = "Users";
const client = DynamoDBDocumentClient.from(
  new DynamoDBClient({ region: "us-east-1", endpoint: process.env.THROUGHPUT_ENDPOINT }),
);

async function* batches(path) {
  let batch = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const record = JSON.parse(line);
    batch.push({ PK: `USER#${record.user_id}`, SK: "PROFILE", ...record, entity: "User" });
    if (batch.length === 25) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length) yield batch;
}

async function writer(left) {
  for (;;) {
    const { value: batch, done } = await left.next();
    if (done) return;
    const puts = batch.map((Item) => ({ PutRequest: { Item } }));
    const answer = await client.send(new BatchWriteCommand({ RequestItems: { [TABLE]: puts } }));
    if (Object.keys(answer.UnprocessedItems ?? {}).length) throw new Error("unprocessed items");
  }
}

const left = batches(process.argv[2]);
await Promise.all(Array.from({ length: 5 }, () => writer(left)));
