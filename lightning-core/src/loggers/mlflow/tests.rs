#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use super::*;
use crate::stage::Stage;

/// The requests that a server got: path and body.
type Requests = Arc<Mutex<Vec<(String, Value)>>>;

/// A server that answers as `answer` says.
fn serve(answer: impl Fn(&str, &Value) -> (u16, String) + Send + Sync + 'static) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let requests = Requests::default();
    let (seen, answer) = (requests.clone(), Arc::new(answer));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (seen, answer) = (seen.clone(), answer.clone());
            thread::spawn(move || one(stream.unwrap(), &seen, &*answer));
        }
    });
    (address, requests)
}

fn one(stream: TcpStream, seen: &Requests, answer: &dyn Fn(&str, &Value) -> (u16, String)) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut first, mut len) = (String::new(), 0);
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                len = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; len];
        reader.read_exact(&mut body).unwrap();
        let path = first.split(' ').nth(1).unwrap().to_owned();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let (status, text) = answer(&path, &body);
        seen.lock().unwrap().push((path, body));
        let len = text.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len}\r\n\r\n");
        (&stream).write_all(format!("{head}{text}").as_bytes()).unwrap();
    }
}

/// What MLflow answers when all is well.
fn well(path: &str) -> (u16, String) {
    let text = match path.split('?').next().unwrap().rsplit('/').next().unwrap() {
        "get-by-name" => json!({"experiment": {"experiment_id": "7"}}),
        "create" => json!({"run": {"info": {"run_id": "abc", "artifact_uri": "mlflow-artifacts:/7/abc/artifacts"}}}),
        _ => json!({}),
    };
    (200, text.to_string())
}

fn logger(address: &str, folder: &Path) -> MlflowLogger {
    let mut logger = MlflowLogger::new(address, "digits").folder(folder).timeout(Duration::from_millis(500));
    logger.pace = Pace {
        linger: Duration::from_millis(5),
        retry: (Duration::from_millis(5), Duration::from_millis(20)),
        at_end: Duration::from_secs(5),
    };
    logger
}

fn record(step: u64, metrics: Vec<(String, f64)>) -> Record {
    Record::new(Stage::Fit, 0, Some(step), step, step, metrics)
}

#[test]
fn batches_keep_the_limits_of_the_server() {
    let (address, requests) = serve(|path, _| well(path));
    let folder = tempfile::tempdir().unwrap();
    let mut logger = logger(&address, folder.path());
    logger.start().unwrap();
    logger.log_hyperparams(&json!((0..150).map(|at| (format!("p{at}"), at)).collect::<HashMap<_, _>>())).unwrap();
    let many =
        |step: u64| (0..700).map(|at| (format!("m@{at}"), if at == 0 { f64::NAN } else { step as f64 })).collect();
    (1..=3).for_each(|step| logger.log_metrics(&record(step, many(step))).unwrap());
    logger.finalize(RunStatus::Interrupted).unwrap();
    let requests = requests.lock().unwrap();
    let batches: Vec<_> =
        requests.iter().filter(|(path, _)| path.ends_with("log-batch")).map(|(_, body)| body).collect();
    let count = |body: &Value, key: &str| body.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    assert!(batches.iter().all(|body| count(body, "metrics") <= 1000 && count(body, "params") <= 100));
    assert_eq!(batches.iter().map(|body| count(body, "metrics")).sum::<usize>(), 3 * 702);
    assert_eq!(batches.iter().map(|body| count(body, "params")).sum::<usize>(), 150);
    assert!(batches.iter().any(|body| body["metrics"][0]["value"] == "NaN"));
    let (_, last) = requests.iter().rfind(|(path, _)| path.ends_with("runs/update")).unwrap();
    assert_eq!(last["status"], "KILLED");
}

/// A server that accepts and never answers.
#[test]
fn a_server_that_hangs_stops_nothing_and_is_reported_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut logger = logger(&address, folder.path()).wait_at_end(Duration::from_millis(900));
    let started = std::time::Instant::now();
    logger.start().unwrap();
    for step in 1..=200 {
        logger.log_metrics(&record(step, vec![("loss".to_owned(), 0.5)])).unwrap();
    }
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    let error = logger.finalize(RunStatus::Success).unwrap_err().to_string();
    assert!(error.contains("are not sent yet; they are kept in") && error.contains("does not answer"), "{error}");
    drop(logger);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());

    let (address, requests) = serve(|path, _| well(path));
    let run = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let later = self::logger(&address, folder.path());
    later.send_kept(&run).unwrap();
    let sent: usize =
        requests.lock().unwrap().iter().map(|(_, body)| body["metrics"].as_array().map_or(0, Vec::len)).sum();
    assert_eq!(sent, 3 * 200);
}

#[test]
fn what_a_server_says_is_reported_in_words() {
    for (status, body, expected, help) in [
        (401, "", "does not accept the account, with status 401", "MLFLOW_TRACKING_TOKEN"),
        (403, r#"{"message": "no rights"}"#, "with status 403: no rights", "MLFLOW_TRACKING_TOKEN"),
        (404, "<html>", "answers with status 404", "is a MLflow server"),
        (503, "", "fails with status 503", "look into its log"),
    ] {
        let (address, _) = serve(move |_, _| (status, body.to_owned()));
        let folder = tempfile::tempdir().unwrap();
        let mut logger = logger(&address, folder.path()).wait_at_end(Duration::from_millis(300));
        logger.start().unwrap();
        logger.log_metrics(&record(1, vec![("loss".to_owned(), 0.5)])).unwrap();
        thread::sleep(Duration::from_millis(150));
        let error = logger.save().unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(help), "{error}");
        // Once, though it is tried again and again.
        thread::sleep(Duration::from_millis(100));
        logger.save().unwrap();
    }
    let error = logger("127.0.0.1:5000", Path::new("x")).server().unwrap_err().to_string();
    assert!(error.contains("must begin with `http://`"), "{error}");
}

/// A bad value is left out, and the rest is sent.
#[test]
fn a_request_that_is_refused_is_left_out() {
    let (address, requests) = serve(|path, body| {
        let is_bad = body["metrics"].as_array().is_some_and(|all| all.iter().any(|metric| metric["key"] == "bad"));
        if is_bad { (400, r#"{"message": "bad key"}"#.to_owned()) } else { well(path) }
    });
    let folder = tempfile::tempdir().unwrap();
    let mut logger = logger(&address, folder.path());
    logger.start().unwrap();
    for (step, name) in [(1, "good"), (2, "bad"), (3, "good")] {
        logger.log_metrics(&record(step, vec![(name.to_owned(), 0.5)])).unwrap();
    }
    let error = logger.finalize(RunStatus::Success).unwrap_err().to_string();
    assert!(error.contains("refuses a request with status 400: bad key"), "{error}");
    let (_, last) = requests.lock().unwrap().last().unwrap().clone();
    assert_eq!(last["status"], "FINISHED");
}

/// The answer to the creation of the run is lost: it is found and not created again.
#[test]
fn a_run_is_created_once() {
    let created = Arc::new(Mutex::new(None));
    let known = created.clone();
    let (address, requests) = serve(move |path, body| {
        let info = json!({"run_id": "abc", "artifact_uri": "mlflow-artifacts:/7/abc/artifacts"});
        if path.ends_with("runs/create") {
            *known.lock().unwrap() = Some(body["tags"][0].clone());
            return (500, String::new());
        }
        if path.ends_with("runs/search") && known.lock().unwrap().is_some() {
            return (200, json!({"runs": [{"info": info}]}).to_string());
        }
        well(path)
    });
    let folder = tempfile::tempdir().unwrap();
    let mut logger = logger(&address, folder.path());
    logger.start().unwrap();
    logger.log_metrics(&record(1, vec![("loss".to_owned(), 0.5)])).unwrap();
    // The failure that was retried is reported.
    assert!(logger.finalize(RunStatus::Success).is_err());
    let requests = requests.lock().unwrap();
    assert_eq!(requests.iter().filter(|(path, _)| path.ends_with("runs/create")).count(), 1);
    let tag = created.lock().unwrap().clone().unwrap();
    let (_, search) = requests.iter().rfind(|(path, _)| path.ends_with("runs/search")).unwrap();
    assert_eq!(search["filter"], format!("tags.`lightning.run_key` = '{}'", tag["value"].as_str().unwrap()));
}

#[test]
fn a_resumed_run_logs_nothing_twice() {
    let (address, requests) = serve(|path, _| well(path));
    let folder = tempfile::tempdir().unwrap();
    let mut first = logger(&address, folder.path());
    first.start().unwrap();
    (1..=5).for_each(|step| first.log_metrics(&record(step, vec![("loss".to_owned(), step as f64)])).unwrap());
    first.finalize(RunStatus::Failed).unwrap();
    let mut second = logger(&address, folder.path());
    let [(version, _)] = second.earlier_runs().unwrap().try_into().unwrap();
    second.resume_at(&version, 3, 1).unwrap();
    second.start().unwrap();
    (4..=6).for_each(|step| second.log_metrics(&record(step, vec![("loss".to_owned(), step as f64)])).unwrap());
    second.finalize(RunStatus::Success).unwrap();
    let requests = requests.lock().unwrap();
    let metrics = requests.iter().flat_map(|(_, body)| body["metrics"].as_array().cloned().unwrap_or_default());
    let losses: Vec<_> =
        metrics.filter(|metric| metric["key"] == "loss").map(|metric| metric["step"].clone()).collect();
    assert_eq!(losses, [1, 2, 3, 4, 5, 6].map(Value::from));
    assert_eq!(requests.iter().filter(|(path, _)| path.ends_with("runs/create")).count(), 1);
}
