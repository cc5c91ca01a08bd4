// Tells each reward and change of tier once: `node subscriber.js told.tsv`, with Kafka named by CX_KAFKA__BOOTSTRAP.
//
// A line of the file is a message: id, customer, text. It is on disk before the offset is committed, and what is in the
// file is not told again; so it may be killed at any instant. Where messages go to a gateway instead, hand over the id as
// its idempotency key: examples/notification_service.py shows that, with templates and more.

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";
import { Kafka, logLevel } from "kafkajs";

const TOPICS = ["cx.rewards", "cx.tier-changes"];
const TEXTS = {
  vi: {
    "reward.issued": ({ brand }) => `Quà của bạn: ${brand}.`,
    "tier.upgraded": ({ to }) => `Chúc mừng! Bạn đã lên hạng ${to}.`,
  },
  en: {
    "reward.issued": ({ brand }) => `Your gift: ${brand}.`,
    "tier.upgraded": ({ to }) => `Congratulations! You are now ${to}.`,
  },
};

/** What was told, in a file that outlives us. */
class Told {
  constructor(path) {
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole !== text) truncateSync(path, Buffer.byteLength(whole)); // a death in the middle of a line
    this.ids = new Set(whole.split("\n").map((line) => line.split("\t")[0]));
    this.file = openSync(path, "a");
  }

  /** Tell a message unless it was told; on disk when this returns. */
  tell(id, customer, text) {
    if (this.ids.has(id)) return;
    writeSync(this.file, `${id}\t${customer}\t${text.replace(/[\t\n\r]/g, " ")}\n`);
    fsyncSync(this.file);
    this.ids.add(id);
  }

  close() {
    closeSync(this.file);
  }
}

/** Return what an event has to tell its customer; nothing for a type without words, or where they do not want to hear. */
function textOf({ type, data }) {
  const words = TEXTS[(data.locale ?? "vi").startsWith("vi") ? "vi" : "en"];
  return data.notify ? words[type]?.(data) : undefined;
}

const told = new Told(process.argv[2] ?? "told.tsv");
const kafka = new Kafka({
  clientId: "subscriber-node",
  brokers: (process.env.CX_KAFKA__BOOTSTRAP ?? "127.0.0.1:9092").split(","),
  logLevel: logLevel.WARN,
});
const consumer = kafka.consumer({
  groupId: process.env.GROUP ?? "subscriber-node",
  readUncommitted: false, // what a failed transaction left behind never was
  sessionTimeout: Number(process.env.SESSION_TIMEOUT_MS ?? 30_000),
  heartbeatInterval: 500,
});
await consumer.connect();
await consumer.subscribe({ topics: TOPICS, fromBeginning: true });
await consumer.run({
  autoCommit: false, // we commit, behind what is on disk
  eachMessage: async ({ topic, partition, message }) => {
    const event = JSON.parse(message.value.toString());
    const text = textOf(event);
    if (text) told.tell(event.id, event.subject, text);
    await consumer.commitOffsets([{ topic, partition, offset: String(BigInt(message.offset) + 1n) }]);
  },
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await consumer.disconnect();
    told.close();
    process.exit(0);
  });
}
