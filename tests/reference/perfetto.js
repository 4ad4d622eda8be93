// Counts the spans of a trace with Perfetto's trace processor, compiled for browsers:
//     node perfetto.js FOLDER TRACE
// FOLDER has `engine_bundle.js` and `trace_processor.wasm` of Perfetto's interface. Prints
// [[thread, span, count], ...]. The messages are those of `trace_processor.proto` of Perfetto.
"use strict";

const fs = require("fs");
const path = require("path");
const vm = require("vm");

const QUERY = `select thread.name, slice.name, count(*)
from slice join thread_track on slice.track_id = thread_track.id join thread using (utid)
group by 1, 2 order by 1, 2`;
const ERRORS = "select 'trace', name, value from stats where severity in ('error', 'data_loss') and value > 0";

const APPEND = 1, FINALIZE = 2, STREAM = 3;

// Protobuf: a number, and a value with its length.
function varint(value) {
    const bytes = [];
    for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
    return Buffer.from([...bytes, value]);
}
const number = (field, value) => Buffer.concat([varint(field * 8), varint(value)]);
const sized = (field, value) => Buffer.concat([varint(field * 8 + 2), varint(value.length), value]);

function* fields(bytes) {
    let at = 0;
    const read = () => {
        let value = 0;
        for (let scale = 1; ; scale *= 128) {
            const byte = bytes[at++];
            value += (byte & 127) * scale;
            if (byte < 128) return value;
        }
    };
    while (at < bytes.length) {
        const key = read(), field = Math.floor(key / 8);
        switch (key % 8) {
            case 0: yield [field, read()]; break;
            case 1: yield [field, bytes.subarray(at, at + 8)]; at += 8; break;
            case 2: { const size = read(); yield [field, bytes.subarray(at, at + size)]; at += size; break; }
            default: throw new Error(`an unknown wire type ${key % 8}`);
        }
    }
}

const numbers = (bytes) => {
    const values = [];
    for (let at = 0; at < bytes.length;) {
        let value = 0;
        for (let scale = 1; ; scale *= 128) {
            const byte = bytes[at++];
            value += (byte & 127) * scale;
            if (byte < 128) break;
        }
        values.push(value);
    }
    return values;
};

// The rows of a batch of three columns: text, text, number.
function rows(batch) {
    let kinds = [], counts = [], texts = [];
    for (const [field, value] of fields(batch)) {
        if (field === 1) kinds = kinds.concat(numbers(value));
        if (field === 2) counts = counts.concat(numbers(value));
        if (field === 5) texts = value.toString().split("\0");
    }
    const cells = kinds.map((kind) => ({ 1: () => null, 2: () => counts.shift(), 4: () => texts.shift() })[kind]());
    const all = [];
    while (cells.length > 0) all.push(cells.splice(0, 3));
    return all;
}

async function main([folder, trace]) {
    const worker = {
        TextDecoder, TextEncoder, URL, console: { ...console, log: console.error },
        performance, setTimeout, clearTimeout, queueMicrotask, crypto: globalThis.crypto,
        importScripts: () => {},
        WorkerGlobalScope: class {},
        location: { href: "file:///engine_bundle.js" },
        // The worker reads its WebAssembly file with a synchronous request.
        XMLHttpRequest: class {
            open(_, url) { this.file = path.join(folder, path.basename(String(url))); }
            send() { this.response = new Uint8Array(fs.readFileSync(this.file)).buffer; }
        },
    };
    worker.self = worker;
    worker.globalThis = worker;
    vm.createContext(worker);
    vm.runInContext(fs.readFileSync(path.join(folder, "engine_bundle.js"), "utf8"), worker);

    const replies = [];
    const port = { postMessage: (data) => replies.push(Buffer.from(data)) };
    worker.onmessage({ data: port });
    // The program initializes itself after this function has returned to the event loop.
    await new Promise((ready) => setTimeout(ready, 1000));
    const Bytes = vm.runInContext("Uint8Array", worker);
    let sequence = 0;
    const send = (request, body = Buffer.alloc(0)) => {
        const message = Buffer.concat([number(1, sequence++), number(2, request), body]);
        port.onmessage({ data: Bytes.from(sized(1, message)) });
    };
    const query = (sql) => {
        replies.length = 0;
        send(STREAM, sized(103, sized(1, Buffer.from(sql))));
        const found = [];
        for (const [, message] of fields(Buffer.concat(replies))) {
            for (const [field, value] of fields(message)) {
                if (field === 5) throw new Error(value.toString());
                if (field !== 203) continue;
                for (const [part, content] of fields(value)) {
                    if (part === 2 && content.length > 0) throw new Error(content.toString());
                    if (part === 3) found.push(...rows(content));
                }
            }
        }
        return found;
    };
    const bytes = fs.readFileSync(trace);
    for (let at = 0; at < bytes.length; at += 1 << 20) send(APPEND, sized(101, bytes.subarray(at, at + (1 << 20))));
    send(FINALIZE);
    const errors = query(ERRORS);
    if (errors.length > 0) throw new Error(`the trace has errors: ${JSON.stringify(errors)}`);
    console.log(JSON.stringify(query(QUERY)));
}

main(process.argv.slice(2)).then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
});
