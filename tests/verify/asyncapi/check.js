// Reads an AsyncAPI document with the project's own parser: `node check.js FILE`. Prints what it has to say as JSON.

import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(await readFile(process.argv[2], "utf8"));
const told = diagnostics.map(({ code, message, path, severity }) => ({ code, message, path: path.join("."), severity }));
const topics = Object.fromEntries(
  (document?.allChannels().all() ?? []).map((channel) => [
    channel.address(),
    channel.messages().all().map((message) => message.name()),
  ]),
);
console.log(JSON.stringify({ version: document?.version(), diagnostics: told, topics }));
