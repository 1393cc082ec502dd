export * from "./errors.js";
export type { Commands } from "./commands.js";
export type { Connection } from "./connection.js";
export type { Message, Subscription } from "./subscription.js";
export type { OpenOptions, Place, Progress, StorageEvent } from "./options.js";
export type { StorageReport } from "./storage.js";
export type { Pipeline, PipelineSync, Transaction, TransactionSync } from "./pipeline.js";
export type { Imported, ImportOptions, ImportSource } from "./transfer.js";
export type { Argument, Key, Numeric, Reply, Value } from "./values.js";
