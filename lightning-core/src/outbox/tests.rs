#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::*;

/// What a server has, and how it behaves.
#[derive(Debug, Default)]
struct Fake {
    has: Vec<Value>,
    is_away: bool,
    hangs: bool,
}

struct ToFake(Arc<Mutex<Fake>>);

impl Destination for ToFake {
    fn send(&mut self, items: &[Value]) -> Result<(), Fault> {
        while self.0.lock().unwrap().hangs {
            thread::sleep(Duration::from_millis(5));
        }
        let mut fake = self.0.lock().unwrap();
        if fake.is_away {
            return Err(Fault::Away(Error::msg("away")));
        }
        if items.iter().any(|item| item == "bad") {
            return Err(Fault::Refused(Error::msg("refused")));
        }
        fake.has.extend(items.iter().cloned());
        Ok(())
    }
}

const PACE: Pace = Pace {
    linger: Duration::from_millis(1),
    retry: (Duration::from_millis(1), Duration::from_millis(5)),
    at_end: Duration::from_millis(200),
};

fn open(folder: &Path, fake: &Arc<Mutex<Fake>>) -> Spool {
    Spool::open(folder, ToFake(fake.clone()), PACE).unwrap()
}

fn numbers(range: std::ops::Range<u64>) -> Vec<Value> {
    range.map(Value::from).collect()
}

#[test]
fn an_outage_loses_and_doubles_nothing_and_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Arc::default();
    let mut spool = open(folder.path(), &fake);
    for (at, item) in numbers(0..300).iter().enumerate() {
        fake.lock().unwrap().is_away = (100..200).contains(&at);
        spool.push(item).unwrap();
        thread::sleep(Duration::from_micros(300));
    }
    spool.finish().unwrap();
    assert_eq!(fake.lock().unwrap().has, numbers(0..300));
    assert_eq!(spool.failure().unwrap_err().message(), "away");
    spool.failure().unwrap();
}

#[test]
fn what_is_left_is_kept_for_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Arc::<Mutex<Fake>>::default();
    let mut spool = open(folder.path(), &fake);
    numbers(0..10).iter().for_each(|item| spool.push(item).unwrap());
    spool.finish().unwrap();
    fake.lock().unwrap().is_away = true;
    numbers(10..20).iter().for_each(|item| spool.push(item).unwrap());
    let error = spool.finish().unwrap_err();
    assert!(error.to_string().contains("are not sent yet; they are kept in"), "{error}");
    drop(spool);
    // A process that is killed leaves a part of a line.
    let mut file = OpenOptions::new().append(true).open(folder.path().join(LINES)).unwrap();
    file.write_all(b"{\"half").unwrap();
    fake.lock().unwrap().is_away = false;
    let mut spool = open(folder.path(), &fake);
    assert_eq!(spool.items().unwrap(), numbers(0..20));
    spool.push(&json!(20)).unwrap();
    spool.finish().unwrap();
    assert_eq!(fake.lock().unwrap().has, numbers(0..21));
}

#[test]
fn what_is_refused_is_left_out_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Arc::default();
    let mut spool = open(folder.path(), &fake);
    for item in [json!(1), json!("bad"), json!(2)] {
        spool.push(&item).unwrap();
    }
    spool.finish().unwrap();
    assert_eq!(fake.lock().unwrap().has, [json!(1), json!(2)]);
    assert_eq!(spool.failure().unwrap_err().message(), "refused");
}

#[test]
fn a_server_that_hangs_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Arc::<Mutex<Fake>>::default();
    fake.lock().unwrap().hangs = true;
    let mut spool = open(folder.path(), &fake);
    let started = Instant::now();
    numbers(0..1000).iter().for_each(|item| spool.push(item).unwrap());
    assert!(spool.finish().is_err());
    drop(spool);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    fake.lock().unwrap().hangs = false;
}
