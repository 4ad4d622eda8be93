//! The records of a run: what W&B's client reads.
//!
//! The numbers of the fields are those of `wandb_internal.proto` and `wandb_telemetry.proto` in
//! <https://github.com/wandb/wandb/tree/main/wandb/proto>.

use serde_json::Value;

use crate::loggers::{
    LogPosition,
    protobuf::{Fields, Message, Value as Field},
};

/// The field of a record with the number of training batches. The client does not know it, and skips
/// it.
const BATCH_STEP: u64 = 1000;
/// The field that marks a row of metrics.
const IS_RECORD: u64 = 1001;

const HISTORY: u64 = 2;
const SUMMARY: u64 = 3;
const CONFIG: u64 = 5;
const FILES: u64 = 6;
const STATS: u64 = 7;
const ARTIFACT: u64 = 8;
const METRIC: u64 = 12;
const OUTPUT_RAW: u64 = 13;
const RUN: u64 = 17;
const EXIT: u64 = 18;
const HEADER: u64 = 21;
const ENVIRONMENT: u64 = 26;

/// The x axis of all curves, as PyTorch Lightning has it.
pub(super) const GLOBAL_STEP: &str = "trainer/global_step";
pub(super) const STEP: &str = "_step";
pub(super) const RUNTIME: &str = "_runtime";

/// A record without its number.
#[derive(Clone, Debug)]
pub(super) struct Body(u64, Message);

impl Body {
    /// The bytes of the record: its number, its content, and where it was logged.
    pub(super) fn numbered(self, number: u64, position: Option<LogPosition>, is_record: bool) -> Vec<u8> {
        let Self(field, message) = self;
        let record = Message::new().int(1, number).message(field, message);
        let record = match position {
            Some(position) => record.int(BATCH_STEP, position.batch_step),
            None => record,
        };
        if is_record { record.int(IS_RECORD, 1).into_bytes() } else { record.into_bytes() }
    }
}

/// The first record of a file.
pub(super) fn header() -> Body {
    let producer = concat!("lightning-core ", env!("CARGO_PKG_VERSION"));
    // The oldest client whose format this is.
    Body(HEADER, Message::new().message(1, Message::new().bytes(1, producer).bytes(2, "0.13.0")))
}

/// What is known of a run when it starts.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) entity: String,
    pub(super) project: String,
    pub(super) group: String,
    pub(super) job_type: String,
    pub(super) name: String,
    pub(super) notes: String,
    pub(super) tags: Vec<String>,
}

pub(super) fn run(run: &Run, host: &str, started: f64) -> Body {
    let Run { id, entity, project, group, job_type, name, notes, tags } = run;
    let texts = [(1, id), (2, entity), (3, project), (6, group), (7, job_type), (8, name), (9, notes)];
    let message = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let message = message.fold(Message::new(), |message, (field, text)| message.bytes(field, text));
    let message = tags.iter().fold(message, |message, tag| message.bytes(10, tag));
    Body(RUN, message.bytes(13, host).message(17, timestamp(started)))
}

/// The machine and the program.
pub(super) fn environment(host: &str, started: f64) -> Body {
    let program = std::env::current_exe().unwrap_or_default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let message = Message::new()
        .bytes(1, std::env::consts::OS)
        .message(3, timestamp(started))
        .bytes(6, program.display().to_string())
        .bytes(12, host)
        .int(17, threads);
    Body(ENVIRONMENT, message)
}

/// The hyperparameters: the values of the top level, nested as they are.
pub(super) fn config(hparams: &Value) -> Option<Body> {
    let fields = hparams.as_object().filter(|fields| !fields.is_empty())?;
    let update = fields.iter().fold(Message::new(), |config, (name, value)| {
        config.message(1, Message::new().bytes(1, name).bytes(16, value.to_string()))
    });
    Some(Body(CONFIG, update))
}

/// Draws every metric over the optimizer steps.
pub(super) fn axes() -> [Body; 2] {
    const DEFINED: u64 = 3;
    const STEP_SYNC: u64 = 1;
    let defined = || Message::new().int(DEFINED, 1);
    [
        Body(METRIC, Message::new().bytes(1, GLOBAL_STEP).message(6, defined())),
        Body(METRIC, Message::new().bytes(2, "*").bytes(4, GLOBAL_STEP).message(6, defined().int(STEP_SYNC, 1))),
    ]
}

/// A row, and the same values as the last ones of the run: the client does not derive these.
pub(super) fn row(values: &[(String, String)], step: u64) -> [Body; 2] {
    let items = |message: Message, field: u64| {
        values.iter().fold(message, |message, (name, json)| {
            message.message(field, Message::new().bytes(2, name).bytes(16, json))
        })
    };
    let history = items(Message::new(), 1).message(2, Message::new().int(1, step));
    [Body(SUMMARY, items(Message::new(), 1)), Body(HISTORY, history)]
}

/// Values of the machine.
pub(super) fn stats(values: &[(String, f64)], time: f64) -> Body {
    let message = Message::new().message(2, timestamp(time));
    let message = values.iter().fold(message, |message, (name, value)| {
        message.message(3, Message::new().bytes(1, name).bytes(16, number(*value)))
    });
    Body(STATS, message)
}

/// A file below `files/`, which is sent.
pub(super) fn file(path: &str) -> Body {
    const MEDIA: u64 = 2;
    Body(FILES, Message::new().message(1, Message::new().bytes(1, path).int(3, MEDIA)))
}

/// What the trainer printed.
pub(super) fn output(text: &str, time: f64) -> Body {
    Body(OUTPUT_RAW, Message::new().message(2, timestamp(time)).bytes(3, text))
}

/// How the run ended.
pub(super) fn exit(code: u64, seconds: f64) -> Body {
    Body(EXIT, Message::new().int(1, code).int(2, seconds.max(0.0) as u64))
}

/// A file of an artifact.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The path within the artifact.
    pub(super) path: String,
    /// MD5 in base 64.
    pub(super) digest: String,
    pub(super) size: u64,
    /// Where the client finds the file.
    pub(super) local: String,
}

/// Files that are kept under a name, with versions.
#[derive(Clone, Debug)]
pub(super) struct Artifact<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) digest: &'a str,
    pub(super) aliases: &'a [String],
    pub(super) entries: &'a [Entry],
    /// Two different texts that name the version and the series of versions until the server has.
    pub(super) client_ids: [&'a str; 2],
}

pub(super) fn artifact(run: &Run, artifact: &Artifact<'_>) -> Body {
    let Artifact { name, kind, digest, aliases, entries, client_ids: [version, series] } = artifact;
    let manifest = Message::new()
        .int(1, 1)
        .bytes(2, "wandb-storage-policy-v1")
        .message(3, Message::new().bytes(1, "storageLayout").bytes(2, "\"V2\""));
    let manifest = entries.iter().fold(manifest, |manifest, Entry { path, digest, size, local }| {
        manifest.message(4, Message::new().bytes(1, path).bytes(2, digest).int(4, *size).bytes(6, local))
    });
    let message = Message::new().bytes(1, &run.id).bytes(2, &run.project);
    let message = if run.entity.is_empty() { message } else { message.bytes(3, &run.entity) };
    let message = message.bytes(4, kind).bytes(5, name).bytes(6, digest).int(9, 1);
    let message = aliases.iter().fold(message, |message, alias| message.bytes(11, alias));
    let message = message.message(12, manifest).int(14, 1).bytes(15, version).bytes(16, series);
    Body(ARTIFACT, message.bytes(20, "MANIFEST_MD5"))
}

fn timestamp(seconds: f64) -> Message {
    let whole = seconds.floor();
    Message::new().int(1, whole as u64).int(2, ((seconds - whole) * 1e9) as u64)
}

/// A number as the client's JSON has it, which knows what is not finite.
pub(super) fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        value => Value::from(value).to_string(),
    }
}

/// What a run that continues must know of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    pub(super) number: u64,
    pub(super) batch_step: Option<u64>,
    pub(super) is_record: bool,
    pub(super) is_exit: bool,
    /// The number of a row.
    pub(super) step: Option<u64>,
    /// The seconds of training at a row.
    pub(super) runtime: Option<f64>,
}

impl Known {
    pub(super) fn read(record: &[u8]) -> Self {
        let mut known = Self::default();
        for field in Fields(record) {
            match field {
                (1, Field::Int(number)) => known.number = number,
                (BATCH_STEP, Field::Int(step)) => known.batch_step = Some(step),
                (IS_RECORD, Field::Int(_)) => known.is_record = true,
                (EXIT, Field::Bytes(_)) => known.is_exit = true,
                (HISTORY, Field::Bytes(history)) => known.read_row(history),
                _ => {}
            }
        }
        known
    }

    fn read_row(&mut self, history: &[u8]) {
        for item in
            Fields(history).filter_map(|field| if let (1, Field::Bytes(item)) = field { Some(item) } else { None })
        {
            let (mut name, mut json): (&[u8], &[u8]) = (&[], &[]);
            for field in Fields(item) {
                match field {
                    (2, Field::Bytes(bytes)) => name = bytes,
                    (16, Field::Bytes(bytes)) => json = bytes,
                    _ => {}
                }
            }
            if name == STEP.as_bytes() {
                self.step = serde_json::from_slice(json).ok();
            } else if name == RUNTIME.as_bytes() {
                self.runtime = serde_json::from_slice(json).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    #[test]
    fn a_record_tells_where_it_was_logged() {
        let position = LogPosition::new(Stage::Fit, 0, None, 300, 7);
        let values = [(STEP.to_owned(), "4".to_owned()), (RUNTIME.to_owned(), "1.5".to_owned())];
        let [_, history] = row(&values, 4);
        let known = Known::read(&history.numbered(9, Some(position), true));
        let expected = Known {
            number: 9,
            batch_step: Some(300),
            is_record: true,
            is_exit: false,
            step: Some(4),
            runtime: Some(1.5),
        };
        assert_eq!(known, expected);
        let known = Known::read(&exit(1, 2.0).numbered(10, None, false));
        assert_eq!(known, Known { number: 10, is_exit: true, ..Known::default() });
    }

    #[test]
    fn numbers_are_the_json_of_the_client() {
        let texts = [0.1, 3.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(number);
        assert_eq!(texts, ["0.1", "3.0", "NaN", "Infinity", "-Infinity"]);
    }
}
