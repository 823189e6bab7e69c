// Castore in one process: so many asynchronous writers, each with an adapter (and so a connection) of its own.
// `node castore.mjs create` makes the table; `node castore.mjs WRITERS SECONDS` writes: says when it is warm, begins
// when told on stdin, prints the seconds each write took. The database is that of the PG* environment.
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(import.meta.url) // the package's ES modules import without file names, which node refuses
const { EventStore, EventType } = require('@castore/core')
const { PostgresEventStorageAdapter } = require('@castore/event-storage-adapter-postgres')

const connectionString = 'postgres://'
if (process.argv[2] === 'create') {
  await PostgresEventStorageAdapter.createEventTable({ connectionString })
  process.exit(0)
}

const [writers, seconds, title] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]]
const WARM_UP = 0.5
const now = () => performance.now() / 1000
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const stores = Array.from({ length: writers }, () => new EventStore({
  eventStoreId: 'CLUSTERS',
  eventTypes: [new EventType({ type: 'cluster.proposed' })],
  reducer: (_, event) => event,
  eventStorageAdapter: new PostgresEventStorageAdapter({ connectionString }),
}))
const write = store => store.pushEvent({
  aggregateId: randomUUID(),
  version: 1,
  type: 'cluster.proposed',
  payload: { code: randomUUID(), title, production: true, proposed_on: '2021-04-05' },
})
const until = (end, each) => Promise.all(stores.map(async store => {
  for (let began = now(); began < end;) {
    await write(store)
    const ended = now()
    each(ended - began)
    began = ended
  }
}))

await until(now() + WARM_UP, () => {})
console.log('warm')
await input.next()
const taken = []
await until(now() + seconds, one => taken.push(one))
process.stdout.write(JSON.stringify(taken) + '\n', () => process.exit(0)) // not before all of it went through the pipe
