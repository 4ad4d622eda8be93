//! Events: what TensorBoard reads of a run.
//!
//! The numbers of the fields are those of `event.proto`, `summary.proto`, `tensor.proto` and
//! `plugin_data.proto` in <https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto>
//! and of the protos of its plugins.

use crate::loggers::{
    LogPosition,
    protobuf::{Fields, Message, Value},
};

/// The field with the number of training batches. TensorBoard does not know it, and skips it.
const BATCH_STEP: u64 = 1000;
/// The field that marks a row of metrics.
const IS_RECORD: u64 = 1001;

/// `TensorProto.dtype`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dtype {
    Float = 1,
    Int32 = 3,
    Uint8 = 4,
    String = 7,
}

/// Where and when an event was logged.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// Seconds since 1970.
    pub(super) time: f64,
    pub(super) position: LogPosition,
}

/// The first event of a file.
pub(super) fn file_version(time: f64) -> Message {
    Message::new().double(1, time).bytes(3, "brain.Event:2")
}

/// The event that a run continues: TensorBoard drops the events from `step` on that it has read.
pub(super) fn session_start(time: f64, step: u64) -> Message {
    Message::new().double(1, time).int(2, step).message(7, Message::new().int(1, 1))
}

/// An event with values: `tag` and what follows it.
pub(super) fn summary(at: At, values: impl IntoIterator<Item = Message>, is_record: bool) -> Message {
    let summary = values.into_iter().fold(Message::new(), |summary, value| summary.message(1, value));
    let LogPosition { batch_step, global_step, .. } = at.position;
    let event = Message::new().double(1, at.time).int(2, global_step).message(5, summary).int(BATCH_STEP, batch_step);
    if is_record { event.int(IS_RECORD, 1) } else { event }
}

/// The event of a graph.
pub(super) fn graph(at: At, graph: Message) -> Message {
    Message::new().double(1, at.time).message(4, graph).int(BATCH_STEP, at.position.batch_step)
}

pub(super) fn scalar(tag: &str, value: f64) -> Message {
    Message::new().bytes(1, tag).float(2, value as f32)
}

/// A tensor, which a plugin shows.
pub(super) fn tensor(tag: &str, plugin: &str, content: Message, tensor: Message) -> Message {
    Message::new().bytes(1, tag).message(8, tensor).message(9, metadata(plugin, content))
}

/// A value that is only data of a plugin.
pub(super) fn plugin_data(tag: &str, plugin: &str, content: Message) -> Message {
    Message::new().bytes(1, tag).message(9, metadata(plugin, content))
}

fn metadata(plugin: &str, content: Message) -> Message {
    Message::new().message(1, Message::new().bytes(1, plugin).message(2, content))
}

/// `TensorProto` with the bytes of its values.
pub(super) fn tensor_of(dtype: Dtype, shape: &[usize], content: &[u8]) -> Message {
    Message::new().int(1, dtype as u64).message(2, shape_of(shape)).bytes(4, content)
}

/// `TensorProto` of one text.
pub(super) fn tensor_of_text(text: &str) -> Message {
    Message::new().int(1, Dtype::String as u64).message(2, shape_of(&[1])).bytes(8, text)
}

fn shape_of(shape: &[usize]) -> Message {
    shape.iter().fold(Message::new(), |message, size| message.message(2, Message::new().int(1, *size as u64)))
}

/// What a resumed run must know of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Logged {
    pub(super) step: u64,
    pub(super) batch_step: u64,
    pub(super) is_record: bool,
}

impl Logged {
    /// Reads it; `None` for an event of no position.
    pub(super) fn read(event: &[u8]) -> Option<Self> {
        let (mut step, mut batch_step, mut is_record) = (0, None, false);
        for field in Fields(event) {
            match field {
                (2, Value::Int(global_step)) => step = global_step,
                (BATCH_STEP, Value::Int(step)) => batch_step = Some(step),
                (IS_RECORD, Value::Int(_)) => is_record = true,
                _ => {}
            }
        }
        batch_step.map(|batch_step| Self { step, batch_step, is_record })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    #[test]
    fn an_event_tells_where_it_was_logged() {
        let at = At { time: 1.5, position: LogPosition::new(Stage::Fit, 0, None, 300, 7) };
        let record = summary(at, [scalar("a", 1.0)], true).into_bytes();
        assert_eq!(Logged::read(&record), Some(Logged { step: 7, batch_step: 300, is_record: true }));
        let image = summary(at, [scalar("a", 1.0)], false).into_bytes();
        assert_eq!(Logged::read(&image), Some(Logged { step: 7, batch_step: 300, is_record: false }));
        assert_eq!(Logged::read(&file_version(1.5).into_bytes()), None);
    }
}
