//! Data-parallel training: every process has the whole model and a share of the batches.

use std::{collections::BTreeMap, sync::Arc};

use burn::tensor::kind::BridgeTensor;

use super::{
    Parameters, Point, Rank, Strategy, Sums, Taps,
    overlap::{self, Order, Plan},
    reduce,
};
use crate::{
    distributed::{
        Collective,
        watchdog::{Place, Watchdog},
    },
    error::{Error, ErrorKind, Result},
    optim::GradientStore,
};

/// Data-parallel training over a [`Collective`].
#[derive(Debug)]
pub(crate) struct DataParallel {
    collective: Arc<dyn Collective>,
    watchdog: Watchdog,
    /// Whether sums are made in the order of the ranks.
    ordered: bool,
    /// Whether processes exchange nothing any more: after an error, which all of them know, and
    /// outside of runs.
    closed: bool,
    overlap: Option<Overlapping>,
}

/// Sums during backward passes.
#[derive(Debug, Default)]
struct Overlapping {
    /// The plan of each accumulation buffer.
    plans: BTreeMap<usize, Plan>,
    /// The order of the gradients, while there is no plan.
    order: Order,
    running: Option<overlap::Sums>,
}

/// The message that every exchange starts with.
const FAILED: usize = 0;
const HASH: usize = 1;
const SQUARE: usize = 2;
const OWN: usize = 3;
type Word = [f64; OWN + size_of::<Sums>() / size_of::<f64>()];

impl DataParallel {
    pub(crate) fn new(collective: Arc<dyn Collective>, watchdog: Watchdog, ordered: bool) -> Self {
        Self { collective, watchdog, ordered, closed: true, overlap: None }
    }

    /// Sums gradients during backward passes, in an order of the library's choice.
    #[must_use]
    pub(crate) fn overlapping(self) -> Self {
        Self { overlap: Some(Overlapping::default()), ..self }
    }

    /// Takes the sums of the backward pass, or else plans those of the next one.
    fn finish_overlap(&mut self, at: Point, gradients: &GradientStore) -> Result<Option<BTreeMap<usize, Vec<f32>>>> {
        match self.overlap.as_mut().and_then(|overlap| overlap.running.take()) {
            Some(running) => self.watched(at, |_| running.finish(gradients)).map(Some),
            None => Ok(None),
        }
    }

    /// Plans the sums of later passes over a buffer, in the order of the first process.
    fn plan(&mut self, at: Point, sizes: &BTreeMap<usize, usize>, parameters: &Parameters<'_>) -> Result<()> {
        let Some(overlap) = &mut self.overlap else { return Ok(()) };
        let order = std::mem::take(&mut overlap.order);
        if overlap.plans.contains_key(&parameters.buffer) {
            return Ok(());
        }
        let order = order.complete(&sizes.keys().copied().collect());
        let mut bytes: Vec<u8> = order.iter().flat_map(|index| (*index as u64).to_le_bytes()).collect();
        self.watched(at, |ranks| ranks.broadcast(&mut bytes, 0))?;
        let order: Vec<(usize, usize)> =
            reduce::indices(&bytes).filter_map(|index| Some((index, *sizes.get(&index)?))).collect();
        if let Some(overlap) = &mut self.overlap {
            overlap.plans.insert(parameters.buffer, Plan::new(&order));
        }
        Ok(())
    }

    /// Runs an exchange, which ends all processes if it takes too long.
    fn watched<T>(&self, at: Point, exchange: impl FnOnce(&dyn Collective) -> Result<T>) -> Result<T> {
        let _watched = self.watchdog.enter(Place { what: at.what, epoch: Some(at.epoch), batch: Some(at.batch) });
        exchange(&*self.collective)
    }

    /// Meets the other processes at a point, and returns the sums of `own`.
    fn meet(&mut self, at: Point, own: Sums) -> Result<Sums> {
        let hash = at.hash();
        let mut word = Word::default();
        (word[HASH], word[SQUARE]) = (hash, hash * hash);
        word[OWN..].copy_from_slice(&own);
        let met = self.watched(at, |ranks| ranks.sum_f64(&mut word));
        met.inspect_err(|_| self.closed = true)?;
        if word[FAILED] > 0.0 {
            return Err(self.failure_of_another(at));
        }
        let world = self.collective.world_size() as f64;
        // Integers, which these sums are exact for: with the same mean and no variance all are equal.
        if word[HASH] != hash * world || word[SQUARE] != hash * hash * world {
            return Err(self.another_point(at));
        }
        let mut sums = Sums::default();
        sums.copy_from_slice(&word[OWN..]);
        Ok(sums)
    }

    /// Returns the error of the first process that has failed.
    fn failure_of_another(&mut self, at: Point) -> Error {
        self.closed = true;
        match self.watched(at, |ranks| ranks.all_gather(&[])) {
            Err(error) => error,
            Ok(texts) => {
                let failed = texts.iter().enumerate().find(|(_, text)| !text.is_empty());
                let (rank, text) = failed.map_or((0, &[][..]), |(rank, text)| (rank, text));
                let (kind, text) = unpacked(text);
                Error::new(kind, format!("rank {rank} failed: {text}"))
            }
        }
    }

    /// Returns the error of processes that are at different points.
    fn another_point(&mut self, at: Point) -> Error {
        self.closed = true;
        match self.watched(at, |ranks| ranks.all_gather(at.to_string().as_bytes())) {
            Err(error) => error,
            Ok(points) => {
                let mut text = "all ranks must reach the same points of a run in the same order, found".to_owned();
                for (rank, point) in points.iter().enumerate() {
                    text.push_str(&format!("\n  - rank {rank} at {}", String::from_utf8_lossy(point)));
                }
                Error::config(text).help(
                    "let no step or hook call the trainer's exchanges or `optimizers.step` on some ranks only, and give every \
                     rank data of the same length",
                )
            }
        }
    }
}

impl Strategy for DataParallel {
    fn rank(&self) -> Rank {
        Rank::of(&*self.collective)
    }

    fn open(&mut self) {
        self.closed = false;
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn is_open(&self) -> bool {
        !self.closed
    }

    fn sums(&mut self, at: Point, own: Sums) -> Result<Sums> {
        if self.closed { Ok(own) } else { self.meet(at, own) }
    }

    fn gather(&mut self, at: Point, own: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        if self.closed {
            return Ok(vec![own]);
        }
        self.meet(at, Sums::default())?;
        self.watched(at, |ranks| ranks.all_gather(&own))
    }

    fn broadcast(&mut self, at: Point, bytes: &mut Vec<u8>, root: usize) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        self.meet(at, Sums::default())?;
        self.watched(at, |ranks| ranks.broadcast(bytes, root))
    }

    fn reduce(&mut self, at: Point, gradients: &mut GradientStore, parameters: &Parameters<'_>) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        let ranks = Arc::clone(&self.collective);
        // A library on the device does not sum in the order of the ranks.
        let in_order = self.ordered && ranks.world_size() > 2;
        let device_sum = ranks.device_sum(parameters.device).filter(|_| !in_order);
        let overlapped = self.finish_overlap(at, gradients)?;
        let mut mine = reduce::Mine::take(gradients, device_sum.is_some() && overlapped.is_none())?;
        if let Some(sums) = overlapped {
            mine.replace(sums, parameters)?;
        }
        let sums = self.meet(at, mine.word())?;
        let mine = self.watched(at, |ranks| mine.complete(sums, ranks, parameters))?;
        self.plan(at, &mine.sizes(), parameters)?;
        let reduced = self.watched(at, |ranks| mine.sum(sums, ranks, device_sum, self.ordered))?;
        reduced.put(gradients, sums, parameters.device);
        Ok(())
    }

    fn taps(&self, buffer: usize) -> Option<Arc<Taps>> {
        let overlap = self.overlap.as_ref().filter(|_| !self.closed)?;
        Some(overlap.plans.get(&buffer).map_or_else(Arc::default, Plan::taps))
    }

    fn begin_backward(&mut self, at: Point, buffer: usize, gradients: &GradientStore, passes: bool) -> Result<()> {
        if self.closed || self.overlap.is_none() {
            return Ok(());
        }
        let mut own = Sums::default();
        own[0] = f64::from(u8::from(passes));
        let all_pass = self.meet(at, own)?[0] == self.collective.world_size() as f64;
        let collective = Arc::clone(&self.collective);
        if let Some(overlap) = &mut self.overlap {
            overlap.order = Order::default();
            let plan = overlap.plans.get(&buffer).filter(|_| all_pass);
            overlap.running = plan.map(|plan| overlap::Sums::new(plan, gradients, collective));
        }
        Ok(())
    }

    fn gradient_ready(&mut self, index: usize, value: BridgeTensor) -> Result<()> {
        let Some(overlap) = &mut self.overlap else { return Ok(()) };
        match &mut overlap.running {
            Some(running) => running.add(index, value),
            None => {
                overlap.order.add(index);
                Ok(())
            }
        }
    }

    fn average(&mut self, at: Point, values: &mut [f32]) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        self.meet(at, Sums::default())?;
        self.watched(at, |ranks| reduce::sum(values, ranks, self.ordered))?;
        let world = self.collective.world_size() as f32;
        values.iter_mut().for_each(|value| *value /= world);
        Ok(())
    }

    fn fail(&mut self, error: &Error) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        let at = Point::new("the end of a failed run", 0, 0);
        if let Some(running) = self.overlap.as_mut().and_then(|overlap| overlap.running.take()) {
            let _watched = self.watchdog.enter(Place { what: at.what, epoch: None, batch: None });
            running.abandon();
        }
        let mut word = Word::default();
        word[FAILED] = 1.0;
        // The others are waiting for this message, or will be. If they are lost, this process ends
        // with its own error all the same.
        let _ = self.watched(at, |ranks| ranks.sum_f64(&mut word).and_then(|()| ranks.all_gather(&packed(error))));
    }
}

/// The kinds of errors, by the number that is sent for each.
const KINDS: [ErrorKind; 11] = [
    ErrorKind::Other,
    ErrorKind::Config,
    ErrorKind::Data,
    ErrorKind::Hook,
    ErrorKind::Panic,
    ErrorKind::Io,
    ErrorKind::Checkpoint,
    ErrorKind::Metric,
    ErrorKind::Device,
    ErrorKind::Anomaly,
    ErrorKind::Interrupted,
];

fn packed(error: &Error) -> Vec<u8> {
    let kind = KINDS.iter().position(|kind| *kind == error.kind()).unwrap_or_default();
    let mut bytes = vec![kind as u8];
    bytes.extend(error.to_string().into_bytes());
    bytes
}

fn unpacked(bytes: &[u8]) -> (ErrorKind, String) {
    let (kind, text) = bytes.split_first().map_or((0, bytes), |(kind, text)| (usize::from(*kind), text));
    (KINDS.get(kind).copied().unwrap_or(ErrorKind::Other), String::from_utf8_lossy(text).into_owned())
}
